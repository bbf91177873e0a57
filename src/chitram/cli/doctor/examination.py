"""All checks at once, each with a deadline: whatever is frozen costs seconds, never a hang."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from chitram.adapters.database import Database
from chitram.adapters.database_facts import DatabaseFacts
from chitram.adapters.node_facts import examine_all
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.cli.doctor.database_check import check_database, reach_database
from chitram.cli.doctor.finding import Finding, ok
from chitram.cli.doctor.jobs_check import check_jobs
from chitram.cli.doctor.machine_check import check_machine
from chitram.cli.doctor.members_check import check_members
from chitram.cli.doctor.nodes_check import check_nodes
from chitram.cli.doctor.settings_check import check_settings
from chitram.cli.doctor.storage_check import check_newest, check_storage
from chitram.cli.live import opened_storage
from chitram.domain.errors import ServiceUnavailable
from chitram.domain.node_set import RingNode
from chitram.settings import Settings
from ring import Membership

CLOSE_SECONDS = 1.0
_STOPPED = ok("nodes", "the stack is stopped, its nodes with it")
ON_ITS_WAY = 1.0
"""In seconds: what a write of this very moment may take to reach a node, before that is called a lag."""


async def examine(settings: Settings, environ: Mapping[str, str], *, stopped: bool = False) -> list[Finding]:
    """Every finding, in the order in which a person would look. The nodes of a *stopped* stack are not missed."""
    database = Database(settings.database_url)
    try:
        async with opened_storage(settings) as storage:
            around = asyncio.create_task(check_storage(settings, storage))
            facts, found = await reach_database(settings, database)
            found += check_database(facts, settings) if facts else []
            nodes = [_STOPPED] if stopped else await _nodes(settings, database, facts)
            newest = await check_newest(storage, facts.newest) if facts else []
            jobs = await check_jobs(settings, database) if facts and facts.schema == "current" else []
            stored = await around
        return [*check_settings(settings, environ), *check_machine(), *found, *jobs, *stored, *newest, *nodes]
    finally:
        with suppress(TimeoutError):
            await asyncio.wait_for(database.close(), CLOSE_SECONDS)


async def _nodes(settings: Settings, database: Database, facts: DatabaseFacts | None) -> list[Finding]:
    """The stored set, or without a database that of REDIS_NODES."""
    configured = Membership.of(settings.node_list, settings.cache_virtual_nodes)
    members = tuple(RingNode(node.name, node.address) for node in configured.nodes)
    found: list[Finding] = []
    if facts and facts.schema == "current":
        try:
            stored = await SqlNodeSets(database).current()
        except ServiceUnavailable:
            return await _nodes(settings, database, None)
        found = check_members(stored.nodes, configured, stored.imbalance)
        members = stored.nodes or members
    answers = await examine_all(members, settings.cache_key_prefix)
    head = facts.head if facts and facts.schema == "current" else None
    if head and any(node.record and node.record[0] < head for node in answers):
        await asyncio.sleep(ON_ITS_WAY)
        answers = await examine_all(members, settings.cache_key_prefix)
    log, fenced = (facts.log, facts.fenced) if facts else ("", ())
    return found + check_nodes(answers, head=head, log=log, fenced=fenced)

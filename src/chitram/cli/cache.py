"""`chitram cache`: what the nodes hold, and how to be rid of it."""

import asyncio
from typing import Any

import click

from chitram.adapters.database import Database
from chitram.adapters.held_entry import Held, held_by_all
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.inventory_sql import SqlInventory
from chitram.adapters.node_facts import NodeFacts, examine_all
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.cli.cache_words import held_table, node_fields, stats_table
from chitram.cli.image_ids import cached_name, picture_of
from chitram.cli.live import writing_cache
from chitram.cli.workplace import Workplace, place_options, placed
from chitram.services.node_set_ports import NodeSet
from ring.hashing import slot
from ring.hashring import encode


@click.group()
@place_options
def cache() -> None:
    """Look at what the nodes hold, and make them forget it.

    \b
    chitram cache stats                      memory, keys, hits and lag of every node
    chitram cache get G7kKzVd2yw4y           is this picture cached, where, and for how long?
    chitram cache invalidate G7kKzVd2yw4y    forget it everywhere, as a write would
    """


@cache.command()
@placed
def stats(it: Workplace) -> None:
    """Ask every node for its memory, keys, hits, evictions and lag. Exit code 1 unless all of them answer.

    Hits and misses are the server's own counts since its start: each process adds two a second when it looks whether
    the node has caught up. Keys of ours are an estimate from a sample.

    \b
    chitram cache stats --data data
    chitram cache stats --json | jq '.nodes[] | {name, lag}'
    """

    async def work(database: Database) -> tuple[NodeSet, int, list[NodeFacts]]:
        current, head = await SqlNodeSets(database).current(), await SqlInvalidationLog(database).head()
        return current, head.id, await examine_all(current.nodes, it.settings.cache_key_prefix)

    current, head, facts = it.ask(work)
    fields = {"head": head, "nodes": [node_fields(node, current, head) for node in facts]}
    it.say(fields, stats_table(facts, current, head))
    if any(node.error for node in facts):
        raise SystemExit(1)


@cache.command()
@click.argument("key", metavar="KEY_OR_ID")
@click.option("--body", is_flag=True, help="Print what is cached, as clients get it, and nothing else.")
@placed
def get(it: Workplace, key: str, *, body: bool) -> None:
    """Show what each node holds under a key, its owner first. Exit code 1 if no node holds an answer.

    KEY_OR_ID is a picture's id, its short id, or a key as it stands in the log (image:ID). Reading fills nothing.

    \b
    chitram cache get G7kKzVd2yw4y
    chitram cache get image:51e6e972-e59e-8e37-84e2-f12d6a1b2f4d --json
    chitram cache get G7kKzVd2yw4y --body | jq .title
    """
    name = cached_name(key)

    async def work(database: Database) -> tuple[tuple[str, ...], list[Held]]:
        members = await SqlInvalidationLog(database).members()
        order = members.ring().preference(name)
        nodes = sorted(members.nodes, key=lambda node: order.index(node.name) if node.name in order else len(order))
        return order, await held_by_all(nodes, name, it.settings.cache_key_prefix)

    order, held = it.ask(work)
    served = [entry for entry in held if entry.kind in {"value", "negative"} and entry.current]
    if body:
        answer = b"".join(entry.document.body for entry in served[:1] if entry.document)
        click.echo(answer, nl=bool(answer))
        if not answer:
            said = f"`{it.again('cache get')} {key}` shows what each of them says"
            click.echo(f"no node holds a body under {name}; {said}", err=True)
    else:
        place = {"key": name, "slot": slot(encode(name)), "owner": order[0] if order else None}
        it.say({**place, "nodes": [_held_fields(entry) for entry in held]}, held_table(name, order, held))
    if not served:
        raise SystemExit(1)


@cache.command()
@click.argument("key", metavar="KEY_OR_ID")
@placed
def invalidate(it: Workplace, key: str) -> None:
    """Make every node forget a key: it goes through the log in the database, and to the nodes, as a write does.

    When this returns, no process shows what was cached before. A node that cannot be reached is not read by anybody
    until it has caught up with the log. The picture itself stays: the next reader fills the cache anew. If there is no
    such picture, that is said, and its key is forgotten all the same.

    \b
    chitram cache invalidate G7kKzVd2yw4y
    """
    name = cached_name(key)

    async def run() -> tuple[dict[str, object], str]:
        async with it.database() as database, writing_cache(it.settings, database) as (ring, reach):
            commit = await SqlInvalidationLog(database).invalidate(name)
            await ring.acknowledge(commit)
            lost = await _is_lost(database, name)
            words = f"{name} is invalidated, entry {commit.last} of the log; {reach.sentence()}"
            fields = {"key": name, "log_id": commit.last, "no_such_picture": lost, **reach.fields()}
            return fields, f"{words}\nthere is no such picture: was this id meant?" if lost else words

    it.say(*asyncio.run(run()))


async def _is_lost(database: Database, key: str) -> bool:
    """Whether *key* belongs to a picture that there is not."""
    image_id = picture_of(key)
    return image_id is not None and not await SqlInventory(database).known([image_id])


def _held_fields(entry: Held) -> dict[str, Any]:
    document = entry.document
    return {
        "node": entry.node,
        "kind": entry.kind,
        "error": entry.error,
        "current": entry.current,
        "ttl_seconds": entry.ttl,
        "bytes": entry.size,
        "etag": document.etag if document else None,
        "visibility": document.visibility if document else None,
    }

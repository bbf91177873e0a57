"""The node set in SQL. A change takes the clock row's lock and raises the version: it has a place among the writes.

A plan and its commit make the same of the same set: what is chosen for a joining node hangs on nothing else.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import uuid4

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chitram.adapters.database import Database
from chitram.adapters.database_clock import database_now
from chitram.adapters.tables import cache_clock, cache_node
from chitram.domain.errors import Conflict, Problem, ValidationFailed
from chitram.domain.node_set import Member, NodeChange, RingNode, changed, unread
from chitram.services.node_set_ports import NodePlan, NodeSet
from ring import HashRing, Node, NodeState, Options, choose_seed, plan

DRAIN_SECONDS = Options().timing.d_wait + 1.0
"""How long a node drains: until all trust in it has run out, and a second for the commit that says so."""


class SqlNodeSets:
    """The node set port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def current(self) -> NodeSet:
        """The set with its version and shares."""
        async with self._database.read() as connection:
            return await _read(connection)

    async def plan(self, change: NodeChange) -> NodePlan:
        """What *change* would do. Raises ``NotFound``, ``Conflict``, ``ValidationFailed``."""
        before = await self.current()
        after = await _after(before, change)
        # A node that joins gets its keys when it is ready; that is what somebody who plans wants to know.
        settled = [_as_if_ready(node) if node.name == change.name else node for node in after]
        moves = plan(_ring(before.nodes, before), _ring(settled, before))
        named = {f"{source or 'none'} to {target or 'none'}": part for (source, target), part in moves.moves.items()}
        return NodePlan(before.version, dict(moves.before), dict(moves.after), moves.moved, named)

    async def commit(self, change: NodeChange, *, version: int | None) -> NodeSet:
        """Make *change* unless the set is no longer at *version*. Raises what :meth:`plan` raises."""
        async with self._database.write() as connection:
            await connection.execute(select(cache_clock.c.head).with_for_update())
            before = await _read(connection)
            if version is not None and version != before.version:
                raise Conflict(f"The node set is at version {before.version} by now: plan again.")
            await _store(connection, before.nodes, await _after(before, change))
            await connection.execute(update(cache_clock).values(version=cache_clock.c.version + 1))
            return await _read(connection)

    async def renew(self, *, without_nodes: bool = False) -> NodeSet:
        """Give the log another identity, after the database was restored from a backup: every node then starts cold.

        Without it a node may hold values, and a cursor, of writes that the restored database has never seen.
        *without_nodes* is for a copy beside the original, whose nodes it must not touch: the next start names its own.
        """
        async with self._database.write() as connection:
            await connection.execute(select(cache_clock.c.head).with_for_update())
            if without_nodes:
                await connection.execute(delete(cache_node))
            fresh = {"log": str(uuid4()), "version": cache_clock.c.version + 1}
            await connection.execute(update(cache_clock).values(fresh))
            return await _read(connection)


async def _read(connection: AsyncConnection) -> NodeSet:
    clock = (await connection.execute(select(cache_clock))).one()
    rows = await connection.execute(select(cache_node).order_by(cache_node.c.name))
    now = await database_now(connection)
    nodes = tuple(
        RingNode(row.name, row.address, row.weight, Member(row.state), (now - row.changed_at).total_seconds(), row.seed)
        for row in rows
    )
    ring = HashRing([_as_ring_node(node) for node in nodes], clock.vnodes, clock.salt)
    return NodeSet(clock.version, clock.salt, clock.vnodes, ring.hash, nodes, ring.shares(), ring.imbalance())


async def _store(connection: AsyncConnection, before: Sequence[RingNode], after: Sequence[RingNode]) -> None:
    old, new, now = {n.name: n for n in before}, {n.name: n for n in after}, await database_now(connection)
    for name in old.keys() - new.keys():
        await connection.execute(delete(cache_node).where(cache_node.c.name == name))
    for name, node in new.items():
        row = {"address": node.address, "weight": node.weight, "state": node.state.value, "seed": node.seed}
        if name not in old:
            await connection.execute(insert(cache_node).values(name=name, changed_at=now, **row))
        elif node != old[name]:
            since = {} if node.state is old[name].state else {"changed_at": now}
            await connection.execute(update(cache_node).where(cache_node.c.name == name).values(**row, **since))


async def _after(before: NodeSet, change: NodeChange) -> tuple[RingNode, ...]:
    """The checked set after *change*, where a node that nobody reads yet is given the seed that suits the others."""
    after = changed(before.nodes, change, drain_seconds=DRAIN_SECONDS)
    try:
        for node in after:
            _as_ring_node(node)
    except ValueError as error:
        raise ValidationFailed(Problem("/address", str(error)), detail=str(error)) from None
    if not unread(before.nodes, change):
        return after
    # Some 50 ms of arithmetic: in a thread, for the event loop serves readers.
    return await asyncio.to_thread(_seeded, after, change.name, before)


def _seeded(after: Sequence[RingNode], name: str, before: NodeSet) -> tuple[RingNode, ...]:
    ring = _ring(before.nodes, before)
    return tuple(replace(n, seed=choose_seed(ring, _as_ring_node(n))) if n.name == name else n for n in after)


def _as_if_ready(node: RingNode) -> RingNode:
    return replace(node, state=Member.UP) if node.state is Member.JOINING else node


def _ring(nodes: Sequence[RingNode], like: NodeSet) -> HashRing:
    return HashRing([_as_ring_node(node) for node in nodes], like.vnodes, like.salt)


def _as_ring_node(node: RingNode) -> Node:
    state = NodeState(node.state.value)
    return Node(name=node.name, address=node.address, weight=node.weight, state=state, seed=node.seed)

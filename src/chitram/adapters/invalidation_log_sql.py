"""The ring's invalidation log and node set in SQL, as :mod:`ring.ports` asks for them.

:func:`append` is the last thing that a writing transaction does: it takes the clock row's lock, which makes the ids
gapless and commit-ordered, and holds it only until the commit.
"""

import secrets
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chitram.adapters.database import Database
from chitram.adapters.tables import cache_clock, cache_log, cache_node
from ring import Commit, Entry, Head, Membership, Node

_with_nodes = cache_clock.outerjoin(cache_node, cache_clock.c.id == 1)
_with_fences = cache_clock.outerjoin(cache_node, cache_node.c.fence.is_not(None))


async def append(connection: AsyncConnection, *keys: str) -> Commit:
    """Log that *keys* change with this transaction; tell what it saw under the lock. Nothing may follow but COMMIT."""
    tick = (
        update(cache_clock)
        .values(head=cache_clock.c.head + len(keys))
        .returning(cache_clock.c.head, cache_clock.c.version, cache_clock.c.log)
    )
    clock = (await connection.execute(tick)).one()
    first, now = clock.head - len(keys) + 1, datetime.now(UTC)
    rows = [{"id": first + offset, "key": key, "at": now} for offset, key in enumerate(keys)]
    await connection.execute(insert(cache_log), rows)
    fenced = select(cache_node.c.name, cache_node.c.fence).where(cache_node.c.fence.is_not(None))
    fences = {row.name: row.fence for row in await connection.execute(fenced)}
    return Commit(first, keys, clock.version, fences, clock.log)


class SqlInvalidationLog:
    """The log as the ring's followers read it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def head(self) -> Head:
        """Head, version, identity and fences in one statement, hence of one moment."""
        query = select(
            cache_clock.c.head, cache_clock.c.version, cache_clock.c.log, cache_node.c.name, cache_node.c.fence
        ).select_from(_with_fences)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        fences = {row.name: row.fence for row in rows if row.name is not None}
        return Head(rows[0].head, rows[0].version, fences, rows[0].log)

    async def since(self, cursor: int, limit: int) -> Sequence[Entry]:
        """Entries after *cursor*, oldest first."""
        query = select(cache_log.c.id, cache_log.c.key).where(cache_log.c.id > cursor)
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(cache_log.c.id).limit(limit))
        return [Entry(row.id, row.key) for row in rows]

    async def fence(self, names: Collection[str]) -> None:
        """Fence nodes that are not fenced yet, under numbers that never come again (62 random bits)."""
        async with self._database.write() as connection:
            for name in names:
                mine = (cache_node.c.name == name) & cache_node.c.fence.is_(None)
                await connection.execute(update(cache_node).where(mine).values(fence=secrets.randbits(62)))

    async def unfence(self, name: str, number: int) -> None:
        """Clear that very fence, ordered with all writes by the clock row's lock."""
        async with self._database.write() as connection:
            await _lock_clock(connection)
            mine = (cache_node.c.name == name) & (cache_node.c.fence == number)
            await connection.execute(update(cache_node).where(mine).values(fence=None))

    async def members(self) -> Membership:
        """The node set with its version, in one statement."""
        async with self._database.read() as connection:
            return await _members(connection)

    async def settle_members(self, configured: Membership, *, replace: bool) -> Membership:
        """Make *configured* the node set where there is none yet, or always if *replace*; return what holds now.

        Replacing at once is right only for whoever starts with fresh nodes and is the only process: others must drain.
        """
        async with self._database.write() as connection:
            await _lock_clock(connection)
            current = await _members(connection)
            unchanged = set(current.nodes) == set(configured.nodes) and current.vnodes == configured.vnodes
            if unchanged or (current.nodes and not replace):
                return current
            await _store_members(connection, configured, current.version + 1)
            return await _members(connection)

    async def invalidate(self, *keys: str) -> Commit:
        """Log keys though no row changes, in a transaction of their own; the cache has to acknowledge it like any."""
        async with self._database.write() as connection:
            return await append(connection, *keys)

    async def prune(self, older_than: timedelta) -> int:
        """Drop rows that no cached value can outlive; how many there were. The newest row always stays."""
        old = (cache_log.c.at < datetime.now(UTC) - older_than) & (
            cache_log.c.id < select(cache_clock.c.head).scalar_subquery()
        )
        async with self._database.write() as connection:
            return (await connection.execute(delete(cache_log).where(old))).rowcount


async def _lock_clock(connection: AsyncConnection) -> None:
    # SQLite has no FOR UPDATE and needs none: the transaction began with BEGIN IMMEDIATE.
    await connection.execute(select(cache_clock.c.head).with_for_update())


async def _members(connection: AsyncConnection) -> Membership:
    columns = (cache_clock.c.version, cache_clock.c.salt, cache_clock.c.vnodes)
    rows = (await connection.execute(select(*columns, cache_node).select_from(_with_nodes))).all()
    nodes = tuple(_node(row) for row in rows if row.name is not None)
    return Membership(tuple(sorted(nodes, key=lambda node: node.name)), rows[0].version, rows[0].salt, rows[0].vnodes)


async def _store_members(connection: AsyncConnection, members: Membership, version: int) -> None:
    await connection.execute(delete(cache_node))
    await connection.execute(update(cache_clock).values(version=version, salt=members.salt, vnodes=members.vnodes))
    now = datetime.now(UTC)
    for node in members.nodes:
        row = {"name": node.name, "address": node.address, "weight": node.weight, "state": node.state.value}
        await connection.execute(insert(cache_node).values(row | {"seed": node.seed, "changed_at": now}))


def _node(row: Row[Any]) -> Node:
    return Node(name=row.name, address=row.address, weight=row.weight, state=row.state, seed=row.seed)

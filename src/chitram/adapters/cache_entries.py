"""One key of the cache, for an administrator: where it lies, what the nodes hold under it, and how to be rid of it."""

import asyncio
from typing import cast

from chitram.adapters.held_entry import Held, held_by
from chitram.adapters.images_sql import cache_key
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.domain.identifiers import parse_image_id
from chitram.services.ring_ports import Holding, HoldingKind, Inspection
from ring import Options, RingCache
from ring.hashing import slot
from ring.hashring import encode

ASK_SECONDS = 0.5


class RingEntries:
    """The port for single keys. *prefix* is the cache's; an image is named by either of its ids, or by its key."""

    def __init__(self, log: SqlInvalidationLog, cache: RingCache, *, prefix: str) -> None:
        self._log = log
        self._cache = cache
        self._prefix = prefix

    async def inspect(self, key: str) -> Inspection:
        """Ask every node of the stored set, the key's own first; at most a second."""
        name = _name(key)
        members = await self._log.members()
        order = members.ring().preference(name)
        others = (node.name for node in members.nodes if node.name not in order)
        nodes = {node.name: node for node in members.nodes}
        asked = [held_by(nodes[node], name, self._prefix, seconds=ASK_SECONDS) for node in (*order, *others)]
        holdings = tuple(_holding(held) for held in await asyncio.gather(*asked))
        return Inspection(name, slot(encode(name)), holdings, min(Options().reach, len(order)))

    async def invalidate(self, key: str) -> int:
        """Log it in a transaction of its own, then acknowledge that like any write: the guarantee is the same (G2)."""
        commit = await self._log.invalidate(_name(key))
        await self._cache.acknowledge(commit)
        return commit.last


def _holding(held: Held) -> Holding:
    if held.error:
        return Holding(held.node, "no answer", error=held.error)
    return Holding(held.node, cast("HoldingKind", held.kind), held.ttl, held.size, held.current)


def _name(key: str) -> str:
    image_id = parse_image_id(key)
    return cache_key(image_id) if image_id else key

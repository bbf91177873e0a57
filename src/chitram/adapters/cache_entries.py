"""One key of the cache, for an administrator: where it lies, what the nodes hold under it, and how to be rid of it."""

import asyncio

from redis.asyncio import Redis
from redis.exceptions import RedisError

from chitram.adapters.database import Database
from chitram.adapters.images_sql import cache_key
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog, append
from chitram.adapters.node_probe import client_of
from chitram.domain.identifiers import parse_image_id
from chitram.services.ring_ports import Holding, Inspection
from ring import Node, Options, RingCache, codec
from ring.hashing import slot
from ring.hashring import encode

ASK_SECONDS = 0.5
_KINDS = {codec.VALUE: "value", codec.NEGATIVE: "negative", codec.LEASE: "lease"}


class RingEntries:
    """The port for single keys. *prefix* is the cache's; an image is named by either of its ids, or by its key."""

    def __init__(self, database: Database, log: SqlInvalidationLog, cache: RingCache, *, prefix: str) -> None:
        self._database = database
        self._log = log
        self._cache = cache
        self._prefix = prefix

    async def inspect(self, key: str) -> Inspection:
        """Ask every node of the stored set, the key's own first; at most half a second."""
        name = _name(key)
        members = await self._log.members()
        order = members.ring().preference(name)
        others = (node.name for node in members.nodes if node.name not in order)
        nodes = {node.name: node for node in members.nodes}
        wanted = [nodes[node] for node in (*order, *others)]
        holdings = await asyncio.gather(*(self._holding(node, name) for node in wanted))
        reach = min(Options().reach, len(order))
        return Inspection(name, slot(encode(name)), tuple(holdings), reach)

    async def invalidate(self, key: str) -> int:
        """Log it in a transaction of its own, then acknowledge that like any write: the guarantee is the same (G2)."""
        async with self._database.write() as connection:
            commit = await append(connection, _name(key))
        await self._cache.acknowledge(commit)
        return commit.last

    async def _holding(self, node: Node, name: str) -> Holding:
        client = client_of(node.address, ASK_SECONDS)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._asked(client, node.name, f"{self._prefix}:k:{name}")
        except (RedisError, OSError, TimeoutError) as error:
            return Holding(node.name, "no answer", error=type(error).__name__)
        finally:
            await client.aclose()

    async def _asked(self, client: Redis, node: str, entry: str) -> Holding:
        # One transaction: what it holds, how long still, and how much of it are of one moment.
        pipeline = client.pipeline(transaction=True)
        pipeline.getrange(entry, 0, codec.HEADER_BYTES - 1)
        pipeline.strlen(entry)
        pipeline.pttl(entry)
        pipeline.hget(f"{self._prefix}:ring", "epoch")
        raw, size, left, epoch = await pipeline.execute()
        return _holding(node, bytes(raw), int(size), int(left), epoch)


def _holding(node: str, raw: bytes, size: int, left: int, epoch: bytes | None) -> Holding:
    if not raw:
        return Holding(node, "nothing")
    kind = _KINDS.get(raw[:1], "foreign")
    current = epoch is not None and raw[1 : 1 + codec.EPOCH_BYTES] == bytes(epoch)
    ttl = left / 1000 if left >= 0 else None
    return Holding(node, kind, ttl, size, current)  # type: ignore[arg-type]  # the table holds only the port's words


def _name(key: str) -> str:
    image_id = parse_image_id(key)
    return cache_key(image_id) if image_id else key

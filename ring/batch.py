"""Reads of many keys at once: one request per node, one call of the loader, one fill per key that was missing."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ring import codec
from ring.errors import NodeError
from ring.events import Loading
from ring.filler import Filler, Found, Result
from ring.hashring import encode
from ring.options import Options
from ring.ports import Clock
from ring.reader import Reader
from ring.redis_node import RedisNode

LoadMany = Callable[[Sequence[str]], Awaitable[Mapping[str, bytes | None]]]
"""Reads many keys from the primary database; a key that it leaves out counts as None."""

Lease = tuple[RedisNode, bytes]


class BatchReader:
    """Every batch asks for itself, so nobody gets an answer older than his question.

    Keys that another process is filling are loaded without waiting for it, and not stored.
    """

    def __init__(self, reader: Reader, filler: Filler, *, options: Options, clock: Clock) -> None:
        self._reader = reader
        self._filler = filler
        self._clock = clock
        self._lease_ms = int(options.lease * 1000)

    async def get_many(self, keys: Sequence[str], load_many: LoadMany) -> dict[str, Found[bytes]]:
        """Return an answer for each key, in the order given. Raises only what the loader raises."""
        groups: dict[RedisNode | None, list[str]] = {}
        now = self._clock()
        for key in dict.fromkeys(keys):
            groups.setdefault(self._reader.pick(encode(key), now), []).append(key)
        asked = [(node, group) for node, group in groups.items() if node is not None]
        answers = await asyncio.gather(*(self._ask(node, group) for node, group in asked))
        silent = {node for (node, _), answer in zip(asked, answers, strict=True) if answer is None}
        found = {key: hit for answer in answers if answer is not None for key, hit in answer.items()}
        missing = {key: node for node, group in groups.items() for key in group if key not in found}
        if missing:
            reasons = Counter(
                self._reader.load_reason(None if node in silent else node, encode(key)) for key, node in missing.items()
            )
            found |= await self._load(missing, reasons, load_many)
        return {key: found[key] for key in keys}

    async def _ask(self, node: RedisNode, keys: list[str]) -> dict[str, Found[bytes]] | None:
        """Return the hits; None if the node did not answer."""
        began, epoch, session = self._clock(), node.trust.epoch, node.session
        if session is None:
            return None
        try:
            entries = await session.get_many([encode(key) for key in keys])
        except NodeError as error:
            self._reader.observer.op(node.name, "get", node.failed(error), self._clock() - began)
            return None
        found: dict[str, Found[bytes]] = {}
        for key, raw in zip(keys, entries, strict=True):
            if raw is not None and codec.is_answer(raw, epoch):
                found[key] = Found(codec.payload(raw), "hit", node.name)
            self._reader.count(node, "hit" if key in found else "miss", began)
        return found

    async def _load(
        self, missing: Mapping[str, RedisNode | None], reasons: Mapping[str, int], load_many: LoadMany
    ) -> dict[str, Found[bytes]]:
        taken = await asyncio.gather(*(self._take(key, node) for key, node in missing.items()))
        leases = {key: lease for key, lease in zip(missing, taken, strict=True) if lease is not None}
        for reason, count in reasons.items():
            self._reader.observer.event(Loading(reason, count))
        began = self._clock()
        values = await load_many(list(missing))
        cost = (self._clock() - began) / len(missing)
        await asyncio.gather(
            *(
                self._filler.fill(node, encode(key), lease, values.get(key), cost)
                for key, (node, lease) in leases.items()
            )
        )
        result: Result = "miss" if self._reader.has_nodes else "disabled"
        return {key: Found(values.get(key), result, node.name if node else None) for key, node in missing.items()}

    async def _take(self, key: str, node: RedisNode | None) -> Lease | None:
        """Take the lease for a key if it is free."""
        session = node.session if node is not None else None
        if node is None or session is None or self._clock() > node.trust.until:
            return None
        epoch = node.trust.epoch
        lease, name = self._filler.new_lease(epoch), encode(key)
        try:
            seen = await session.lease(name, lease, self._lease_ms)
            if seen is None:
                return node, lease
            mine = codec.is_lease(seen, epoch) or codec.is_answer(seen, epoch)
            if not mine and await session.swap(name, seen, lease, self._lease_ms):
                return node, lease
        except NodeError as error:
            node.failed(error)
        return None

"""The life of one read.

1. The key's slot gives its nodes in order of preference; the first that may be read at this moment is asked.
2. A hit of the node's verified epoch is the answer. Nothing else happens on a hit.
3. A miss joins the key's flight: take the lease, load, fill (`ring.filler`).
4. A node that fails sends the read to the database, not to the next node: that one serves only when the first is known
   to be out. No node at all: the database, without filling.
"""

import math
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from ring import codec
from ring.errors import NodeError
from ring.events import Guarded, Loading, RefreshFailed
from ring.filler import Filler, Found, Load
from ring.hashing import LAST_SLOT, SLOTS, hash_32
from ring.hashring import encode
from ring.health import Health, Signal
from ring.logview import LogView
from ring.options import Options
from ring.ports import Clock
from ring.redis_node import RedisNode
from ring.singleflight import Flight, SingleFlight

T = TypeVar("T")
Route = tuple[RedisNode, ...]

_ROUNDS = 3
_OUTAGE_MEMORY = 1.0
_LOG_OF_SMALLEST = 40.0
_NOWHERE: Sequence[Route] = ((),) * SLOTS


class Reader:
    """Reads through the nodes. `spawn` runs a coroutine in the background until the cache is closed."""

    def __init__(
        self,
        view: LogView,
        filler: Filler,
        *,
        options: Options,
        clock: Clock,
        wall: Clock,
        rng: random.Random,
        observer: Guarded,
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self._view = view
        self._filler = filler
        self._options = options
        self._clock = clock
        self._wall = wall
        self._rng = rng
        self.observer = observer
        self._spawn = spawn
        self._flights: SingleFlight[Found[bytes]] = SingleFlight()
        self._refreshing: set[bytes] = set()
        self._load_failed = -math.inf
        self._slots: Sequence[Route] = _NOWHERE
        self._horizon = _LOG_OF_SMALLEST * options.early_refresh

    @property
    def has_nodes(self) -> bool:
        """False while there is nothing to read from, by configuration or because the cache is closed."""
        return bool(self._slots[0])

    def place(self, routes: Sequence[Route]) -> None:
        """Use these nodes from now on: for each slot those from which it may be read; () for none at all."""
        self._slots = routes or _NOWHERE

    async def close(self) -> None:
        """Cancel what is loading."""
        await self._flights.close()

    async def get_or_load(self, key: str, load: Load, decode: Callable[[bytes], T]) -> Found[T]:
        """Return what is cached for the key, else what `load` returns, which is then cached; as `decode` reads it.

        Never raises for a node. What `decode` raises, its caller gets. What `load` raises, all who wait for it get,
        unless it can be answered with a stale hit (see `Options.serve_stale`). Raises CacheClosedError if the cache is
        closed while `load` runs.
        """
        name = encode(key)
        for _ in range(_ROUNDS):
            began = self._clock()
            node = self.pick(name, began)
            if node is not None:
                epoch = node.trust.epoch
                try:
                    raw = await node.session.get(name)  # type: ignore[union-attr]  # trusted, so there is a session
                except NodeError as error:
                    self.observer.op(node.name, "get", node.failed(error), self._clock() - began)
                    node = None
                else:
                    if raw is not None and codec.is_answer(raw, epoch):
                        self.count(node, "hit", began)
                        expires, cost = codec.times(raw)
                        if expires - self._wall() < cost * self._horizon:
                            self._refresh_early(node, name, raw, load)
                        value = codec.payload(raw)
                        return Found(None if value is None else decode(value), "hit", node.name)
                    self.count(node, "miss", began)
            found = await self._flights.join(name, partial(self._miss, node, name, load))
            if found is not None:
                return Found(_decoded(found.value, decode), found.result, found.node)
        return Found(_decoded(await self._noted(load, "miss")(), decode), "miss", None)

    def pick(self, name: bytes, now: float) -> RedisNode | None:
        """Return the node that may be asked for this key at this moment: the read rule. Tells of a node passed over."""
        route = self._slots[hash_32(name) & LAST_SLOT]
        for node in route:
            if now <= node.trust.until:
                if node is not route[0]:
                    self.observer.op(route[0].name, "get", "skipped", 0.0)
                return node
        return None

    def _readable(self, name: bytes) -> RedisNode | None:
        now = self._clock()
        return next((node for node in self._slots[hash_32(name) & LAST_SLOT] if now <= node.trust.until), None)

    def count(self, node: RedisNode, result: str, began: float) -> None:
        """Take note of a reply."""
        seconds = self._clock() - began
        node.latencies.add(seconds)
        if node.uneasy:
            node.feed(Signal.REPLY)
        self.observer.op(node.name, "get", result, seconds)

    def load_reason(self, node: RedisNode | None, name: bytes) -> str:
        """Say why a key has to be loaded that was looked for on this node."""
        if node is None:
            return "nonode" if self.has_nodes else "disabled"
        return "miss" if self._slots[hash_32(name) & LAST_SLOT][:1] == (node,) else "failover"

    def _noted(self, load: Load, reason: str) -> Load:
        """Tell the observer at the moment when the load begins, if it does."""

        def begin() -> Awaitable[bytes | None]:
            self.observer.event(Loading(reason))
            return load()

        return begin

    async def _miss(
        self, node: RedisNode | None, name: bytes, load: Load, flight: Flight[Found[bytes]]
    ) -> Found[bytes]:
        if node is None and self._clock() - self._load_failed < _OUTAGE_MEMORY:
            stale = await self._stale(name, flight)
            if stale is not None:
                return stale
        if node is not None:
            node = self._readable(name)  # anew: the node set may have changed since the read set out
        load = self._noted(load, self.load_reason(node, name))
        try:
            if node is not None:
                return await self._filler.fetch(flight, node, name, load)
            return await self._filler.load_only(flight, load, None, "miss" if self.has_nodes else "disabled")
        except Exception:
            self._load_failed = self._clock()
            stale = await self._stale(name, flight)
            if stale is None:
                raise
            return stale

    async def _stale(self, name: bytes, flight: Flight[Found[bytes]]) -> Found[bytes] | None:
        """During an outage of the database, of which log and loader are witnesses: what a node still holds.

        Only from a connection on which the node was verified before, so that a node set back is never asked. Outside
        of G1 and G2: should another process still reach the database, it can be outdated.
        """
        if self._view.reachable or not self._options.serve_stale:
            return None
        for node in self._slots[hash_32(name) & LAST_SLOT]:
            session, epoch = node.session, node.trust.epoch
            if session is not None and epoch and node.breaker.state is Health.UP:
                covers = flight.begins()
                with suppress(NodeError):
                    raw = await session.get(name)
                    if raw is not None and codec.is_answer(raw, epoch):
                        flight.covers = covers
                        return Found(codec.payload(raw), "stale", node.name)
        return None

    def _refresh_early(self, node: RedisNode, name: bytes, raw: bytes, load: Load) -> None:
        """XFetch (Vattani, Chierichetti, Lowenstein 2015): the nearer the end and the dearer the load, the likelier."""
        expires, cost = codec.times(raw)
        left = expires - self._wall()
        if left <= 0 or name in self._refreshing:  # a clock that is far off changes nothing
            return
        if left < -cost * self._options.early_refresh * math.log(1.0 - self._rng.random()):
            self._refreshing.add(name)
            self._spawn(self._refresh(node, name, raw, load))

    async def _refresh(self, node: RedisNode, name: bytes, raw: bytes, load: Load) -> None:
        began = self._clock()
        try:
            value = await self._noted(load, "refresh")()
        except Exception as error:
            self.observer.event(RefreshFailed(node.name, type(error).__name__))
        else:
            await self._filler.fill(node, name, raw, value, self._clock() - began)
        finally:
            self._refreshing.discard(name)


def _decoded(value: bytes | None, decode: Callable[[bytes], T]) -> T | None:
    return None if value is None else decode(value)

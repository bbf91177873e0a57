"""From a miss to a filled entry: the lease, the load after it, the fill that a change in between makes void.

The order is the safety: the load begins after the lease is seen to be in place, and the fill succeeds only if the very
same lease is still there. Every invalidation unlinks the lease, so a load that read too early cannot be stored.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Generic, Literal, NamedTuple, TypeVar

from ring import codec
from ring.errors import NodeError
from ring.events import Filled, Guarded
from ring.logview import LogView
from ring.options import Options
from ring.ports import Clock
from ring.redis_node import RedisNode
from ring.session import Session
from ring.singleflight import Flight

T = TypeVar("T")

Load = Callable[[], Awaitable[bytes | None]]
"""Reads the primary database: the payload, or None if there is no such thing (cached for `negative_ttl`)."""

Result = Literal["hit", "miss", "stale", "disabled"]


class Found(NamedTuple, Generic[T]):
    """An answer, and the node that was asked, if any. A value of None: the loader, now or before, found nothing."""

    value: T | None
    result: Result
    node: str | None = None


class _Attempt(NamedTuple):
    """One attempt at filling, with all that must not change in its course."""

    node: RedisNode
    session: Session
    key: bytes
    lease: bytes
    epoch: bytes
    version: int


class _Held(Enum):
    NO = 0
    YES = 1


class Filler:
    """Loads and fills on behalf of readers. All of its work for one key runs in that key's flight."""

    def __init__(
        self,
        *,
        view: LogView,
        options: Options,
        clock: Clock,
        wall: Clock,
        rng: random.Random,
        observer: Guarded,
        ttl: float,
    ) -> None:
        self._view = view
        self._options = options
        self._clock = clock
        self._wall = wall
        self._rng = rng
        self._observer = observer
        self._ttl = ttl

    async def load_only(
        self, flight: Flight[Found[bytes]], load: Load, name: str | None, result: Result = "miss"
    ) -> Found[bytes]:
        """Load without a lease: nothing may be stored."""
        covers = flight.begins()
        value = await load()
        flight.covers = covers
        return Found(value, result, name)

    async def fetch(self, flight: Flight[Found[bytes]], node: RedisNode, key: bytes, load: Load) -> Found[bytes]:
        """Take the lease, load, fill; or take over what another process has filled meanwhile."""
        if node.session is None or self._clock() > node.trust.until:
            return await self.load_only(flight, load, None)
        epoch = node.trust.epoch
        attempt = _Attempt(node, node.session, key, self.new_lease(epoch), epoch, self._view.version)
        try:
            held = await self._take_lease(flight, attempt)
        except NodeError as error:
            node.failed(error)
            held = _Held.NO
        if isinstance(held, bytes):
            return Found(codec.payload(held), "hit", node.name)
        if held is _Held.NO:
            return await self.load_only(flight, load, node.name)
        return await self._load_and_fill(flight, attempt, load)

    def new_lease(self, epoch: bytes) -> bytes:
        """Return a lease that nobody else holds."""
        return codec.lease(epoch, self._rng.randbytes(codec.FILL_BYTES))

    async def fill(self, node: RedisNode, key: bytes, seen: bytes, value: bytes | None, cost: float) -> bool:
        """Put the value in the place of the lease, or of the older entry, that was seen before loading."""
        session, result, stored = node.session, "error", False
        seconds = self._lifetime(value)
        entry = codec.entry(self._successor(seen), value, expires=self._wall() + seconds, cost=cost)
        try:
            if session is not None:
                stored = await session.swap(key, seen, entry, int(seconds * 1000))
                result = "stored" if stored else "lost"
        except NodeError as error:
            node.failed(error)
        self._observer.event(Filled(node.name, result))
        return stored

    async def _take_lease(self, flight: Flight[Found[bytes]], attempt: _Attempt) -> bytes | _Held:
        """Return the answer that is there, or whether we hold the lease now."""
        _, session, key, lease, epoch, _ = attempt
        milliseconds = int(self._options.lease * 1000)
        for pause in (*self._options.lease_polls, 0.0):
            if not self._still(attempt):
                break
            covers = flight.begins()
            found = await session.lease(key, lease, milliseconds)
            if found is None:
                return _Held.YES
            if codec.is_answer(found, epoch):
                flight.covers = covers
                return found
            if not codec.is_lease(found, epoch) and await session.swap(key, found, lease, milliseconds):
                return _Held.YES
            await asyncio.sleep(pause)
        return _Held.NO

    async def _load_and_fill(self, flight: Flight[Found[bytes]], attempt: _Attempt, load: Load) -> Found[bytes]:
        node, covers, began = attempt.node, flight.begins(), self._clock()
        value = await load()
        trusted_until = node.trust.until if self._still(attempt) else -math.inf
        filling = flight.begins()
        stored = await self.fill(node, attempt.key, attempt.lease, value, self._clock() - began)
        # A fill that succeeds on a node trusted since before it was sent proves that nothing had superseded the value
        # by then: also those who arrived while it was loading may have it. Under another version of the node set it
        # proves nothing, since writes may have passed this node by.
        proven = stored and self._clock() <= trusted_until
        flight.covers = filling if proven else covers
        return Found(value, "miss", node.name)

    def _still(self, attempt: _Attempt) -> bool:
        """Tell whether the read rule holds at this moment for what began on this session, in this epoch and version."""
        node = attempt.node
        same = node.session is attempt.session and node.trust.epoch == attempt.epoch
        return same and self._view.version == attempt.version and self._clock() <= node.trust.until

    def _lifetime(self, value: bytes | None) -> float:
        whole = self._options.negative_ttl if value is None else self._ttl
        return whole * (1 - self._options.ttl_jitter * self._rng.random())

    def _successor(self, seen: bytes) -> bytes:
        """The identity of what replaces `seen`: a lease's fill keeps its id, a refreshed value gets a new one."""
        return seen if seen[:1] == codec.LEASE else self.new_lease(seen[1:9])

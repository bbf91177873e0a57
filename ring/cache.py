"""RingCache: the cache in front of a database, over the nodes of a ring. Wires the parts and keeps their lifetimes."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar, overload

from ring.batch import BatchReader, LoadMany
from ring.connection import connect as connect_to_redis
from ring.events import Guarded, NullObserver, Observer
from ring.filler import Filler, Found, Load
from ring.follower import Follower, watch_log
from ring.hashring import HashRing
from ring.invalidator import Invalidator
from ring.logview import LogView
from ring.node import Node
from ring.options import Options
from ring.ports import Clock, Commit, InvalidationLog, Membership
from ring.reader import Reader, Route
from ring.redis_node import RedisNode
from ring.session import Connect
from ring.status import Status, status_of

T = TypeVar("T")

boot_time: Clock = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic
)
"""Monotonic seconds that go on while the machine sleeps, where the system has such a clock."""


class RingCache:
    """A cache-aside cache of opaque bytes over many Redis nodes that is never stale: G1 to G3 in `ring.fencing`.

    `members` is the first node set; the log's is taken over as soon as it can be read. `load` functions read the
    primary database. They may be called after their caller has gone (early refresh, shared loads), so they must not
    hold on to anything of a request. No method raises for a node or for the log; what a loader raises, its callers get.

    Not given: a key has one copy, so a lost node costs its hits; `status()` is the view of this process alone; answers
    marked `stale`, given only while neither log nor loader reach the database, are outside of G1 and G2.
    """

    def __init__(
        self,
        members: Membership | Collection[Node] | str,
        log: InvalidationLog,
        *,
        prefix: str = "ring",
        ttl: float = 3600.0,
        options: Options | None = None,
        observer: Observer | None = None,
        connect: Connect | None = None,
        clock: Clock = boot_time,
        wall: Clock = time.time,
        rng: random.Random | None = None,
    ) -> None:
        self._options = options = options or Options()
        self._clock = clock
        self._rng = rng = rng or random.SystemRandom()
        self._observer = guarded = Guarded(observer or NullObserver())
        self._connect = connect or _connector(options)
        self._prefix = prefix
        self._nodes: dict[str, RedisNode] = {}
        self._followers: dict[str, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[RedisNode] = set()
        self._running = False
        membership = members if isinstance(members, Membership) else Membership.of(members)
        self._view = view = LogView(log, membership, clock=clock, timing=options.timing, observer=guarded)
        view.on_change = self._adopt
        filler = Filler(view=view, options=options, clock=clock, wall=wall, rng=rng, observer=guarded, ttl=ttl)
        self._reader = Reader(
            view, filler, options=options, clock=clock, wall=wall, rng=rng, observer=guarded, spawn=self._spawn
        )
        self._batches = BatchReader(self._reader, filler, options=options, clock=clock)
        self._invalidator = Invalidator(
            view, self._nodes, options=options, clock=clock, observer=guarded, spawn=self._spawn
        )

    @property
    def ring(self) -> HashRing:
        """The ring by which this process goes."""
        return self._view.ring

    async def start(self) -> None:
        """Begin to follow the log. Returns at once; needs neither a node nor the database."""
        self._running = True
        self._spawn(watch_log(self._view, self._options.follow_interval))
        self._adopt()

    async def close(self) -> None:
        """Stop. Callers whose loads are running get CacheClosedError; later reads go to the loader alone."""
        self._running = False
        self._reader.place(())
        pending = [*self._followers.values(), *self._tasks]
        self._followers.clear()
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        await self._reader.close()
        nodes = [*self._nodes.values(), *self._leaving]
        self._nodes.clear()
        for node in nodes:
            await node.close()

    @overload
    def get_or_load(self, key: str, load: Load) -> Awaitable[Found[bytes]]: ...

    @overload
    def get_or_load(self, key: str, load: Load, decode: Callable[[bytes], T]) -> Awaitable[Found[T]]: ...

    def get_or_load(self, key: str, load: Load, decode: Callable[[bytes], Any] = bytes) -> Awaitable[Found[Any]]:
        """Return what is cached for the key, else what `load` returns, which is then cached; see `Reader`.

        `decode` makes of the bytes what the caller wants, so that nobody has to wrap every hit in a coroutine for it.
        """
        return self._reader.get_or_load(key, load, decode)

    async def get_many(self, keys: Sequence[str], load_many: LoadMany) -> dict[str, Found[bytes]]:
        """Read many keys: one request per node, and one call of the loader for all that is missing."""
        return await self._batches.get_many(keys, load_many)

    async def acknowledge(self, commit: Commit) -> None:
        """Make a committed write known; tell anybody that it is done only when this has returned (G2)."""
        await self._invalidator.acknowledge(commit)

    def status(self) -> Status:
        """A snapshot of every node as this process sees it."""
        return status_of(self._view, self._nodes, self._clock())

    def _adopt(self) -> None:
        """Go by the view's node set: drop who left, take in who came, and let everyone be verified anew."""
        if not self._running:
            return
        wanted = {node.name: node for node in self._view.membership.nodes}
        for name, known in list(self._nodes.items()):
            if name not in wanted or wanted[name].address != known.node.address:
                self._dismiss(name)
        for name, node in wanted.items():
            if name not in self._nodes:
                self._engage(node)
            known = self._nodes[name]
            known.node = node
            known.distrust("node set changed")
            known.wake.set()
        self._reader.place(self._routes())

    def _engage(self, node: Node) -> None:
        runtime = RedisNode(node, self._connect, self._prefix, self._options.timing, self._observer)
        follower = Follower(
            runtime,
            self._view,
            options=self._options,
            clock=self._clock,
            rng=self._rng,
            observer=self._observer,
            others=self._nodes.values,
        )
        self._nodes[node.name] = runtime
        self._followers[node.name] = asyncio.ensure_future(follower.run())

    def _dismiss(self, name: str) -> None:
        node = self._nodes.pop(name)
        node.distrust("left the node set")
        self._leaving.add(node)
        self._spawn(self._retire(self._followers.pop(name), node))

    async def _retire(self, follower: "asyncio.Task[None]", node: RedisNode) -> None:
        follower.cancel()
        await asyncio.gather(follower, return_exceptions=True)
        await node.close()
        self._leaving.discard(node)

    def _routes(self) -> Sequence[Route]:
        reach = self._options.reach
        return self._view.ring.table(lambda order: tuple(self._nodes[name] for name in order[:reach]))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _connector(options: Options) -> Connect:
    return partial(
        connect_to_redis,
        op_timeout=options.op_timeout,
        connect_timeout=options.connect_timeout,
        max_in_flight=options.max_in_flight,
    )

"""The model: real RingCaches over fake nodes on a virtual clock, one random life per seed, every read checked.

`schedules.py` is the command that runs many of them, and replays one.

Nothing of the protocol is written down here a second time: reader, filler, follower, invalidator and the single flight
are the library's own. Only the network, the nodes, the database and the clocks are made up.
"""

import asyncio
import gc
import random
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial

from ring import CacheClosedError, MemoryLog, Node, NodeState, Options, RingCache
from tests.ring.fake_network import FakeNetwork, Server
from tests.ring.fake_node import FakeNode, Safety
from tests.ring.shared_ring import SharedMembership
from tests.ring.virtual_time import VirtualLoop

OPTIONS = Options(serve_stale=False)
SECONDS = 9.0


class StaleRead(AssertionError):
    """A guarantee is broken."""


class Database:
    """The truth: a version per key, and when each version was superseded and acknowledged. A commit is one step."""

    def __init__(self, world):
        self.world = world
        self.log = MemoryLog()
        self.version, self.superseded, self.acknowledged = {}, {}, {}

    def commit(self, key):
        """Write a new version; the commit for the ring."""
        old = self.version.get(key, 0)
        self.version[key] = old + 1
        self.superseded[key, old] = self.world.loop.time()
        return self.log.append([key])

    def note_acknowledged(self, key, version):
        self.acknowledged[key] = max(self.acknowledged.get(key, 0), version)


class ProcessLog:
    """One process' way to the log: every call takes a while on both sides of the moment at which it happens."""

    def __init__(self, world):
        self._world = world
        self.reachable = True

    async def _at_some_moment(self, call, *arguments):
        await self._world.pause()
        if not self.reachable:
            raise ConnectionError("no database")
        result = await call(*arguments)
        await self._world.pause()
        return result

    def __getattr__(self, name):
        call = partial(self._at_some_moment, getattr(self._world.database.log, name))
        setattr(self, name, call)
        return call


@dataclass
class Process:
    """One application process, its clock running a little wrong."""

    cache: RingCache
    log: ProcessLog


@dataclass
class World:
    """Everything there is. `trouble` lists the methods from which random lives are made."""

    loop: VirtualLoop
    seed: int
    safety: Safety = field(default_factory=Safety)
    options: Options = OPTIONS
    names: str = "abc"
    keys: tuple[str, ...] = ("k", "l")
    ttls: tuple[float, ...] = (0.5, 5.0, 50.0)
    processes: list[Process] = field(default_factory=list)

    def __post_init__(self):
        self.rng = random.Random(self.seed)
        self.servers = {n: Server(FakeNode(self.loop.time, self.safety)) for n in "abcdef"}
        self.network = FakeNetwork(self.loop, self.rng, self.servers)
        self.database = Database(self)
        nodes = tuple(Node(name, name, weight=1.0) for name in self.names)
        self.database.log.membership = SharedMembership(nodes, version=1, vnodes=4, salt=self.rng.randrange(64))
        self.reads = 0
        self.tasks = []
        self.caches = []

    def pause(self, most=None):
        """Let some time pass, usually little; to be awaited at once."""
        scale = self.network.slowest if self.rng.random() < 0.9 else 0.25
        return self.loop.sleep(self.rng.random() * (scale if most is None else most))

    async def start_process(self):
        """Start a process, or take the place of one that ended."""
        number = len(self.processes)
        drift = 1 + self.rng.uniform(-4e-4, 4e-4)
        log, loop = ProcessLog(self), self.loop
        cache = RingCache(
            self.database.log.membership,
            log,
            options=self.options,
            connect=self.network.connector(number),
            clock=lambda: 1000 * number + loop.now * drift,
            wall=self.loop.time,
            rng=random.Random(self.rng.random()),
            ttl=self.rng.choice(self.ttls),
        )
        await cache.start()
        self.caches.append(cache)
        self.processes.append(Process(cache, log))

    async def read(self, process, key):
        """Read, and check both guarantees."""
        asked, acknowledged = self.loop.time(), self.database.acknowledged.get(key, 0)

        async def load():
            await self.pause()
            version = self.database.version.get(key, 0)
            await self.pause(0.4 if self.rng.random() < 0.2 else None)
            return b"%d" % version if version else None

        try:
            found = await process.cache.get_or_load(key, load)
        except CacheClosedError:
            return
        self.check(key, int(found.value or 0), asked, acknowledged, found.result)

    async def read_many(self, process):
        """Read all keys at once, and check both guarantees for each."""
        asked, acknowledged = self.loop.time(), dict(self.database.acknowledged)

        async def load(keys):
            await self.pause()
            versions = {key: b"%d" % self.database.version[key] for key in keys if key in self.database.version}
            await self.pause(0.4 if self.rng.random() < 0.2 else None)
            return versions

        for key, found in (await process.cache.get_many(self.keys, load)).items():
            self.check(key, int(found.value or 0), asked, acknowledged.get(key, 0), found.result)

    def check(self, key, version, asked, acknowledged, result):
        self.reads += 1
        gone = self.database.superseded.get((key, version), asked)
        said = f"seed {self.seed}: {result} of {key} asked at {asked:.3f} gave version {version}"
        if version < acknowledged:
            raise StaleRead(f"G2 {said}, but {acknowledged} was acknowledged before")
        if asked - gone > self.options.d_read * 1.001:
            raise StaleRead(f"G1 {said}, superseded at {gone:.3f}")

    async def write(self, process, key):
        """Change a key; acknowledge it, unless the writer dies just after its commit."""
        if not process.log.reachable:
            return
        commit = self.database.commit(key)
        version = self.database.version[key]
        await self.pause()
        if self.rng.random() < 0.9:
            with suppress(CacheClosedError):
                await process.cache.acknowledge(commit)
                self.database.note_acknowledged(key, version)

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for cache in self.caches:
            await cache.close()


async def live(world):
    """One random life: readers, writers and trouble, until the time is up."""
    for _ in range(3):
        await world.start_process()
    actors = [_reader(world), _reader(world), _writer(world), _trouble(world)]
    if world.rng.random() < 0.4:
        actors.append(_membership(world))
    world.tasks = [asyncio.ensure_future(actor) for actor in actors]
    try:
        done, _ = await asyncio.wait(world.tasks, timeout=SECONDS, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await world.close()


async def _reader(world):
    while True:
        await world.pause(0.25)
        reads = [world.read(world.rng.choice(world.processes), world.rng.choice(world.keys)) for _ in range(3)]
        if world.rng.random() < 0.25:
            reads.append(world.read_many(world.rng.choice(world.processes)))
        await asyncio.gather(*reads)


async def _writer(world):
    running = []
    while True:
        await world.pause(1.2)
        write = world.write(world.rng.choice(world.processes), world.rng.choice(world.keys))
        running.append(asyncio.ensure_future(write))
        world.tasks.append(running[-1])


async def _trouble(world):
    rng = world.rng
    kinds = [_cut, _cut, _cut, _crash, _crash, _freeze, _evict, _no_database, _replace_process]
    while True:
        await world.pause(0.7)
        trouble = rng.choice(kinds)(world, world.servers[rng.choice(world.names)])
        world.tasks.append(asyncio.ensure_future(trouble))


async def _cut(world, server):
    process = world.rng.randrange(len(world.processes))
    world.network.cut(process, server)
    await world.pause(3)
    world.network.heal(process, server)


async def _crash(world, server):
    server.crash(world.rng.choice([0, 1, 2, 5, 10, 50]))
    await world.pause(world.rng.choice([0.05, 1, 4]))
    server.up = True


async def _freeze(world, server):
    server.frozen = True
    await world.pause(3)
    server.thaw()


async def _evict(world, server):
    if server.node.data:
        server.node.evict(world.rng.choice(sorted(server.node.data)))


async def _no_database(world, server):
    log = world.rng.choice(world.processes).log
    log.reachable = False
    await world.pause(3)
    log.reachable = True


async def _replace_process(world, server):
    index = world.rng.randrange(len(world.processes))
    old = world.processes[index]
    await world.start_process()
    world.processes[index] = world.processes.pop()
    if world.rng.random() < 0.5:
        world.tasks.append(asyncio.ensure_future(old.cache.close()))


async def _membership(world):
    """Operators: nodes join, are drained for long enough, leave, and come back with all their memory."""
    log, rng = world.database.log, world.rng
    while True:
        await world.pause(2)
        nodes = {node.name: node for node in log.membership.nodes}
        name = rng.choice("abcd")
        if name not in nodes:
            nodes[name] = Node(name, name, state=rng.choice([NodeState.UP, NodeState.JOINING]))
        elif rng.random() < 0.3:
            nodes[name] = replace(nodes[name], weight=rng.choice([0.5, 1.0, 2.0]), state=NodeState.UP)
        elif len(nodes) > 1:
            nodes[name] = replace(nodes[name], state=NodeState.DRAINING)
            _install(log, nodes)
            await asyncio.sleep(world.options.timing.d_wait)
            nodes = {node.name: node for node in log.membership.nodes if node.name != name}
        _install(log, nodes)


def _install(log, nodes):
    log.membership = replace(log.membership, nodes=tuple(nodes.values()), version=log.membership.version + 1)


def run(seed, loop=None, **settings):
    """Live one life; the number of reads that were checked. Raises StaleRead."""
    own = loop or VirtualLoop()
    try:
        options = replace(OPTIONS, reach=2 if seed % 2 else 3)
        world = World(own, seed, **{"options": options, **settings})
        own.run_until_complete(live(world))
    finally:
        own.run_until_complete(_end_all())
        if loop is None:
            own.close()
    return world.reads


async def _end_all():
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def run_many(seeds, **settings):
    """Live one life per seed, each on a loop of its own; the number of reads that were checked."""
    with _collector_by_hand() as collect:
        reads = 0
        for seed in seeds:
            reads += run(seed, **settings)
            collect()
        return reads


@contextmanager
def _collector_by_hand():
    """A life is garbage as a whole once it is over; looking for garbage all along costs a fifth more."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield partial(gc.collect, 0)
    finally:
        if was_enabled:
            gc.enable()

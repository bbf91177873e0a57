"""The promise, proven on the model: real cache code, made-up nodes, network, clocks and database (see model.py).

Each part of the protocol is also switched off once; a model that did not notice would prove nothing.
"""

import asyncio
import math
import os
from dataclasses import replace
from unittest import mock

import pytest

from ring import Membership, Node, NodeState
from ring.logview import LogView
from ring.redis_node import RedisNode
from tests.ring import model
from tests.ring.fake_node import Safety
from tests.ring.model import StaleRead, World, run_many
from tests.ring.virtual_time import VirtualLoop

SCHEDULES = int(os.environ.get("RING_MODEL_SCHEDULES", "2000"))
PARTS = 8


@pytest.mark.parametrize("part", range(PARTS))
def test_no_random_schedule_reads_stale(part):
    """G1 and G2 hold for every read of every schedule; RING_MODEL_SCHEDULES sets how many, shared among the parts."""
    seeds = range(SCHEDULES)[part::PARTS]
    assert run_many(seeds) > 100 * len(seeds)


def test_a_seed_replays_exactly():
    """A failure can be looked at again."""
    assert model.run(7) == model.run(7)


def test_a_fill_must_compare():
    """Without it a load that began before a write is stored after it."""
    with pytest.raises(StaleRead):
        run_many(range(100), safety=Safety(compare_on_fill=False))


def test_a_write_must_wait_for_nodes_that_did_not_answer():
    """Without it a reader that still trusts such a node is asked too early."""
    at_once = mock.patch("ring.invalidator.acknowledge_at", lambda name, commit, committed, *rest: committed)
    with at_once, pytest.raises(StaleRead):
        run_many(range(100))


def test_a_cursor_must_not_jump_a_gap():
    """Without it a node claims entries that nobody brought it."""
    with pytest.raises(StaleRead):
        run_many(range(100, 500), safety=Safety(contiguous=False))


def test_forgetting_and_advancing_must_be_one_step():
    """Without it the cursor says that a key is gone while it is still there."""
    with pytest.raises(StaleRead):
        run_many(range(100), safety=Safety(atomic_apply=False))


def test_late_callers_must_not_share_an_earlier_load():
    """Without it the single flight hands out what was read before an acknowledgement."""
    with mock.patch("ring.singleflight.Flight.covers", _Always(), create=True), pytest.raises(StaleRead):
        run_many(range(200))


class _Always:
    """A flight that claims to cover everybody."""

    def __get__(self, flight, kind):
        return math.inf

    def __set__(self, flight, value):
        pass


def play(scene, **settings):
    """Run one directed schedule on a quiet network, under a dozen different timings."""
    for seed in range(12):
        play_once(scene, seed, **settings)


def play_once(scene, seed, **settings):
    loop = VirtualLoop()
    world = World(loop, seed, ttls=(50.0,), **settings)
    world.network.slowest, world.network.duplicates = 0.002, 0.0

    async def whole():
        try:
            await scene(world)
        finally:
            await world.close()

    try:
        loop.run_until_complete(whole())
    finally:
        loop.close()


async def start_two(world):
    """A reader and a writer; both trust all nodes."""
    for _ in range(2):
        await world.start_process()
    await all_serve(*world.processes)
    return world.processes


async def all_serve(*processes):
    for process in processes:
        await condition(lambda cache=process.cache: cache.status().serving == len(cache.ring.nodes))


async def condition(holds, seconds=30.0):
    """Wait, on the virtual clock, for something to become true."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not holds():
        assert loop.time() < deadline
        await asyncio.sleep(0.005)


async def write(world, process):
    """Write and acknowledge without fail."""
    commit = world.database.commit("k")
    version = world.database.version["k"]
    await process.cache.acknowledge(commit)
    world.database.note_acknowledged("k", version)


async def proof_runs_out(world):
    """The reader keeps its node but loses the log; the writer keeps the log but loses the node."""
    reader, writer = await start_two(world)
    await write(world, writer)
    await world.read(reader, "k")
    world.network.cut(1, world.servers["a"])
    reader.log.reachable = False
    await write(world, writer)
    await world.read(reader, "k")


def test_trust_ends_when_its_proof_is_too_old():
    """The read lease: nobody reads on for ever on the word of an old verification."""
    play(proof_runs_out, names="a")

    def for_ever(trust, asked, epoch):
        trust.verified_at, trust.epoch, trust.until = asked, epoch, math.inf

    with mock.patch("ring.fencing.Trust.verify", for_ever), pytest.raises(StaleRead):
        play(proof_runs_out, names="a")


async def node_returns_with_old_memory(world):
    """The node dies with the value, a write waits it out, and the node is back just then with its old memory."""
    reader, writer = await start_two(world)
    await write(world, writer)
    await world.read(reader, "k")
    await asyncio.sleep(1)
    world.network.cut(1, world.servers["a"])
    world.servers["a"].crash(0)
    writing = asyncio.ensure_future(write(world, writer))
    await asyncio.sleep(1.9)
    world.servers["a"].up = True
    await writing
    for _ in range(600):
        await world.read(reader, "k")
        await asyncio.sleep(0.01)


def test_a_reconnected_node_is_verified_against_a_fresh_head():
    """The head that is read before the connection is made may lack what the node has missed."""
    play(node_returns_with_old_memory, names="a")
    fresh = LogView.head

    async def remembered(view):
        """The first process goes by what it read before the node died."""
        if view._clock() < 1000 and hasattr(view, "before") and view.before.id:
            return view.before
        view.before = await fresh(view)
        return view.before

    with mock.patch.object(LogView, "head", remembered), pytest.raises(StaleRead):
        play(node_returns_with_old_memory, names="a")


async def fenced_for_long(world):
    """The writer cannot reach the node and fences it; much later it writes again, and need not wait."""
    reader, writer = await start_two(world)
    world.network.cut(1, world.servers["a"])
    await write(world, writer)
    await asyncio.sleep(3)
    await world.read(reader, "k")
    await write(world, writer)
    await world.read(reader, "k")


def test_a_fenced_node_is_not_trusted():
    """Else the writes that did not wait for it would be missing there."""
    play(fenced_for_long, names="a")

    with mock.patch("ring.follower.Follower.follow", _follow_without_fences), pytest.raises(StaleRead):
        play(fenced_for_long, names="a")


async def _follow_without_fences(follower):
    """A pass that does not look at fences."""
    session = await follower._node.connected()
    asked = follower._clock()
    head = await follower._view.head()
    record = await follower._caught_up(session, head)
    follower._node.verified(session, asked, record.epoch)
    return True


async def node_leaves_in_haste(world):
    """Operators remove the key's node without draining it; the reader has not heard of it."""
    reader, writer = await start_two(world)
    log = world.database.log
    owner = writer.cache.ring.preference("k")[0]
    await write(world, writer)
    await world.read(reader, "k")
    reader.log.reachable = False
    rest = tuple(node for node in log.membership.nodes if node.name != owner)
    log.membership = replace(log.membership, nodes=rest, version=2)
    await condition(lambda: writer.cache.status().version == 2)
    await write(world, writer)
    await world.read(reader, "k")


def test_a_node_that_leaves_in_haste_makes_writes_wait():
    """Else its readers would go on with what no writer can reach any more."""
    play(node_leaves_in_haste, names="ab")
    with mock.patch("ring.logview.left_in_haste", return_value=False), pytest.raises(StaleRead):
        play(node_leaves_in_haste, names="ab")


async def one_node_becomes_slow(world):
    """Not slow enough for a timeout, but slow enough to be felt."""
    reader, _ = await start_two(world)
    cache = reader.cache
    keys = [f"k{i}" for i in range(30)]
    slow = cache.ring.preference("k0")[0]

    async def read_all():
        await asyncio.gather(*(world.read(reader, key) for key in keys))

    def state():
        return {node.name: (node.state, node.cause[:4]) for node in cache.status().nodes}[slow]

    world.network.slowest = 0.0005
    world.servers[slow].lag = 0.04
    for _ in range(100):
        await read_all()
    await condition(lambda: state() == ("down", "slow"))
    assert cache.status().serving == 2
    await asyncio.sleep(10)
    await read_all()
    assert state()[0] == "down"
    world.servers[slow].lag = 0.0
    await condition(lambda: cache.status().serving == 3)


def test_a_slow_node_is_passed_over_until_it_is_fast_again():
    """The breaker opens for slowness, and the follower alone closes it."""
    play(one_node_becomes_slow)


async def order_changes_under_the_reader(world):
    """A key's node of an earlier set, which writes no longer reach directly, becomes its node again."""
    log = world.database.log
    key_first = Membership((Node("a", "a"), Node("b", "b")), vnodes=4).ring().preference("k")[0]
    other = "b" if key_first == "a" else "a"
    owner, heir = Node(key_first, key_first), Node(other, other)
    log.membership = Membership((replace(owner, state=NodeState.JOINING), heir), version=2, vnodes=4)
    reader, writer = await start_two(world)
    await write(world, writer)
    await world.read(reader, "k")
    log.membership = Membership((owner, heir), version=3, vnodes=4)
    await condition(lambda: all(process.cache.status().version == 3 for process in world.processes))
    await all_serve(reader, writer)
    await asyncio.sleep(world.options.timing.d_wait)
    world.network.cut(1, world.servers[other])
    await write(world, writer)
    log.membership = Membership((replace(owner, state=NodeState.DRAINING), heir), version=4, vnodes=4)
    for _ in range(80):
        await world.read(reader, "k")
        await asyncio.sleep(0.01)


def test_trust_does_not_outlive_the_node_set_it_was_earned_under():
    """Else a node would be read that a write, going by the older set, had no reason to reach."""
    options = replace(model.OPTIONS, reach=1)
    play(order_changes_under_the_reader, options=options)
    distrust = RedisNode.distrust

    def forgiving(node, cause):
        if cause != "node set changed":
            distrust(node, cause)

    with mock.patch.object(RedisNode, "distrust", forgiving), pytest.raises(StaleRead):
        play(order_changes_under_the_reader, options=options)

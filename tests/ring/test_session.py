"""The protocol's commands mean the same on a real node and on the fake one that the model uses."""

import asyncio

import pytest

from ring import codec
from ring.connection import connect
from ring.fencing import Record
from ring.node import Node
from ring.session import Session
from tests.ring.fake_node import FakeNode

EPOCH, OTHER = b"e" * 8, b"o" * 8
LEASE, RIVAL = codec.lease(EPOCH, b"1" * 16), codec.lease(EPOCH, b"2" * 16)


class Direct:
    """A connection without a network."""

    closed = False

    def __init__(self):
        self.node = FakeNode(asyncio.get_running_loop().time)

    def get(self, key):
        return self.execute(b"GET", key)

    def execute(self, *command):
        future = asyncio.get_running_loop().create_future()
        future.set_result(self.node.execute(*command))
        return future

    async def close(self):
        pass


@pytest.fixture(params=["real", "fake"])
async def session(request, start_node):
    real = request.param == "real"
    connection = await connect(Node("a", start_node().address).endpoint, lambda cause: None) if real else Direct()
    yield Session(connection, "t")
    await connection.close()


async def test_a_lease_is_taken_once(session):
    """Whoever comes second is shown the first one's lease."""
    assert await session.lease(b"k", LEASE, 3000) is None
    assert await session.lease(b"k", RIVAL, 3000) == LEASE


async def test_a_lease_ends_by_itself(session):
    """A filler that died does not block the key for long."""
    await session.lease(b"k", LEASE, 1)
    await asyncio.sleep(0.01)
    assert await session.get(b"k") is None


async def test_a_fill_replaces_its_lease_and_nothing_else(session):
    """Neither a rival's lease nor an empty place may be filled."""
    entry = codec.entry(LEASE, b"v", expires=1, cost=1)
    assert not await session.swap(b"k", LEASE, entry, 1000)
    await session.lease(b"k", RIVAL, 3000)
    assert not await session.swap(b"k", LEASE, entry, 1000)
    assert await session.swap(b"k", RIVAL, entry, 1000)
    assert await session.get(b"k") == entry


async def test_a_refresh_compares_the_fill_and_not_the_payload(session):
    """The first 25 bytes name a fill."""
    old = codec.entry(LEASE, b"old" * 100, expires=1, cost=1)
    new = codec.entry(RIVAL, b"new", expires=1, cost=1)
    await session.lease(b"k", LEASE, 3000)
    await session.swap(b"k", LEASE, old, 1000)
    assert await session.swap(b"k", old, new, 1000)
    assert not await session.swap(b"k", old, new, 1000)


async def test_a_node_is_initialised_once(session):
    """The second process takes over what the first one began."""
    assert await session.record() is None
    assert await session.initialise(None, EPOCH, 7, "L") == Record(EPOCH, 7, "L")
    assert await session.initialise(None, OTHER, 9, "L") == Record(EPOCH, 7, "L")
    assert await session.record() == Record(EPOCH, 7, "L")


async def test_a_record_is_replaced_only_as_it_was_seen(session):
    """A node that someone has caught up meanwhile is not made cold."""
    first = await session.initialise(None, EPOCH, 7, "L")
    await session.apply(8, ["k"], "L")
    assert await session.initialise(first, OTHER, 9, "L") == Record(EPOCH, 8, "L")
    assert await session.initialise(Record(EPOCH, 8, "L"), OTHER, 9, "L") == Record(OTHER, 9, "L")


async def test_an_invalidation_forgets_keys_and_advances(session):
    """Value and lease alike are gone, and the cursor says so."""
    await session.initialise(None, EPOCH, 7, "L")
    await session.lease(b"k", LEASE, 3000)
    assert await session.apply(8, ["k", "x"], "L") == 9
    assert await session.get_many([b"k", b"x"]) == [None, None]


async def test_the_cursor_never_jumps_a_gap_and_never_goes_back(session):
    """Entry 9 is forgotten at once, but counts as applied only after 8."""
    await session.initialise(None, EPOCH, 7, "L")
    await session.lease(b"k", LEASE, 3000)
    assert await session.apply(9, ["k"], "L") == 7
    assert await session.get(b"k") is None
    assert await session.apply(8, ["x", "k"], "L") == 9
    assert await session.apply(8, ["x"], "L") == 9


async def test_without_a_record_nothing_counts_as_applied(session):
    """The keys are forgotten all the same."""
    await session.lease(b"k", LEASE, 3000)
    assert await session.apply(8, ["k"], "L") is None
    assert await session.get(b"k") is None


async def test_another_logs_record_does_not_count(session):
    """Two databases on one node do not move each other's cursor."""
    await session.initialise(None, EPOCH, 7, "L")
    assert await session.apply(8, ["k"], "M") is None
    assert (await session.record()) == Record(EPOCH, 7, "L")

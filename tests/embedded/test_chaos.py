"""Breaking nodes on purpose: it is real, and it ends."""

import asyncio
import time

import pytest

from chitram.domain.errors import Conflict, NotFound
from chitram.embedded import chaos
from chitram.embedded.chaos import NodeChaos
from chitram.embedded.node import NodeProcess
from chitram.services.ring_ports import Deed
from tests.waiting import until


@pytest.fixture
async def breaker(redis_node):
    """Chaos over one node; the node is left alone afterwards."""
    broken = NodeChaos([redis_node])
    async with broken.running():
        yield broken


def state(node: NodeProcess) -> str:
    """What the system says of the process: T is stopped, S sleeps."""
    with open(f"/proc/{node.pid}/stat") as file:  # noqa: PTH123  the kernel's file, not one of ours
        return file.read().rpartition(")")[2].split()[0]


async def longest_ping(node: NodeProcess, times: int) -> float:
    """Seconds."""
    from chitram.embedded.node import ping  # noqa: PLC0415  beside its use

    longest = 0.0
    for _ in range(times):
        began = time.monotonic()
        await asyncio.to_thread(ping, node.socket)
        longest = max(longest, time.monotonic() - began)
    return longest


async def test_a_frozen_node_thaws_by_itself(breaker, redis_node, monkeypatch):
    """And says meanwhile how long still."""
    monkeypatch.setattr(chaos, "FREEZE_SECONDS", 0.5)
    breaker.do("a", Deed.FREEZE)
    await until(lambda: state(redis_node) == "T")
    (victim,) = breaker.victims()
    assert victim.doing is Deed.FREEZE
    assert 0 < victim.left <= 0.5
    await until(lambda: state(redis_node) != "T")
    await until(lambda: breaker.victims()[0].doing is None)


async def test_a_slow_node_answers_late_and_is_fast_again(breaker, redis_node):
    """The server itself is slow; healing it ends that at once."""
    breaker.do("a", Deed.SLOW)
    assert await longest_ping(redis_node, 20) > 0.02
    breaker.do("a", Deed.HEAL)
    assert breaker.victims()[0].doing is None
    assert await longest_ping(redis_node, 5) < 1
    assert state(redis_node) != "T"


async def test_a_killed_node_is_dead_and_cannot_be_broken_again(breaker, redis_node):
    """Whoever started it starts it again."""
    breaker.do("a", Deed.KILL)
    assert not redis_node.running
    assert breaker.victims()[0].doing is Deed.KILL
    with pytest.raises(Conflict, match="dead already"):
        breaker.do("a", Deed.FREEZE)
    with pytest.raises(NotFound):
        breaker.do("z", Deed.FREEZE)


async def test_one_deed_ends_the_other(breaker, redis_node):
    """A frozen node can be killed, and a slow one frozen."""
    breaker.do("a", Deed.SLOW)
    breaker.do("a", Deed.FREEZE)
    await until(lambda: state(redis_node) == "T")
    breaker.do("a", Deed.KILL)
    assert not redis_node.running


async def test_at_the_end_nothing_stays_frozen(redis_node):
    """Nor slow."""
    broken = NodeChaos([redis_node])
    async with broken.running():
        broken.do("a", Deed.FREEZE)
        await until(lambda: state(redis_node) == "T")
    await until(lambda: state(redis_node) != "T")
    async with broken.running():
        broken.do("a", Deed.SLOW)
    assert all(state(redis_node) != "T" for _ in range(50))

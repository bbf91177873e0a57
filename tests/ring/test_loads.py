"""The observer learns why the database was read: once for each load, and never for a hit."""

import asyncio
from collections import Counter

import pytest

from ring import MemoryLog, NullObserver, Options, RingCache
from ring.events import Loading
from tests.ring.conftest import until
from tests.waiting import until as until_async


class Loads(NullObserver):
    """Counts loads by reason."""

    def __init__(self):
        self.seen: Counter[str] = Counter()

    def event(self, event):
        if isinstance(event, Loading):
            self.seen[event.reason] += event.keys


@pytest.fixture
def loads():
    return Loads()


async def value():
    return b"v"


async def values(keys):
    return dict.fromkeys(keys, b"v")


async def test_a_miss_is_a_load_and_a_hit_is_none(three_nodes, start_cache, loads):
    """One by one and in a batch."""
    cache = await start_cache(three_nodes, observer=loads)
    for _ in range(3):
        await cache.get_or_load("k", value)
        await cache.get_many(["a", "b", "k"], values)
    assert loads.seen == {"miss": 3}


async def test_a_stand_in_that_has_it_not_is_a_failover(three_nodes, start_cache, loads):
    """The owner is out; the next node is cold."""
    cache = await start_cache(three_nodes, observer=loads)
    owner = cache.ring.preference("k")[0]
    await cache.get_or_load("k", value)
    three_nodes[owner].kill()
    await until(lambda: not next(node for node in cache.status().nodes if node.name == owner).trusted)
    for _ in range(3):
        await cache.get_or_load("k", value)
        await cache.get_many(["k"], values)
    assert loads.seen == {"miss": 1, "failover": 1}


async def test_without_any_node_that_answers_every_read_is_a_load(three_nodes, start_cache, loads):
    """Which is not the same as having none."""
    cache = await start_cache(three_nodes, observer=loads)
    for node in three_nodes.values():
        node.kill()
    await until(lambda: cache.status().serving == 0)
    await cache.get_or_load("k", value)
    await cache.get_many(["a", "b"], values)
    assert loads.seen == {"nonode": 3}


async def test_a_node_that_does_not_answer_in_time_is_no_miss(start_node, start_cache, loads):
    """Nobody knows what it has."""
    node = start_node()
    cache = await start_cache({"a": node}, observer=loads)
    node.freeze()
    await cache.get_many(["a", "b"], values)
    await cache.get_or_load("k", value)
    assert loads.seen == {"nonode": 3}


async def test_without_nodes_the_cache_is_disabled(loads):
    """By configuration."""
    cache = RingCache("", MemoryLog(), observer=loads)
    await cache.start()
    await cache.get_or_load("k", value)
    await cache.get_many(["a", "b"], values)
    await cache.close()
    assert loads.seen == {"disabled": 3}


async def test_an_early_refresh_is_a_load_that_nobody_waits_for(three_nodes, start_cache, loads):
    """The reads are hits; near the entry's end one of them has it loaded anew."""
    cache = await start_cache(three_nodes, observer=loads, ttl=1.0, options=Options(early_refresh=1000.0))

    async def dear():
        await asyncio.sleep(0.01)
        return b"v"

    await cache.get_or_load("k", dear)

    async def refreshed():
        assert (await cache.get_or_load("k", dear)).result == "hit"
        return loads.seen["refresh"] >= 1

    await until_async(refreshed)
    assert loads.seen["miss"] == 1

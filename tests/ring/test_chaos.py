"""The guarantees on real servers, on uvloop, while nodes are killed, frozen, flushed and restarted from old dumps."""

import asyncio
import random
import time

import pytest
import uvloop

from ring import MemoryLog, RingCache
from tests.ring.conftest import until

SECONDS = 12
KEYS = ("k", "l", "m")


class Truth:
    """A database with versions, and what has been acknowledged of each key."""

    def __init__(self):
        self.log = MemoryLog()
        self.version = dict.fromkeys(KEYS, 0)
        self.acknowledged = dict.fromkeys(KEYS, 0)
        self.reads = 0

    async def read(self, cache, key):
        least = self.acknowledged[key]

        async def load():
            value = self.version[key]
            await asyncio.sleep(random.random() * 0.05)
            return b"%d" % value

        found = await cache.get_or_load(key, load)
        assert int(found.value) >= least, f"{found} of {key} although {least} was acknowledged"
        self.reads += 1
        return found

    async def write(self, cache, key):
        self.version[key] += 1
        version, commit = self.version[key], self.log.append([key])
        await cache.acknowledge(commit)
        self.acknowledged[key] = max(self.acknowledged[key], version)


async def trouble(nodes, ends):
    """One node after the other has a bad time; the thread that waits for it is not the loop's."""
    run = asyncio.get_running_loop().run_in_executor
    while time.monotonic() < ends:
        node = random.choice(nodes)
        kind = random.choice(["kill", "freeze", "flush", "save", "restart"])
        if kind in ("save", "flush"):
            await run(None, node.command, "SAVE" if kind == "save" else "FLUSHALL")
        elif kind == "restart":
            await run(None, node.restart)
        else:
            getattr(node, kind)()
            await asyncio.sleep(random.random() * 2.5)
            await run(None, node.start if kind == "kill" else node.thaw)
        await asyncio.sleep(random.random() * 0.5)


@pytest.mark.slow
def test_no_read_is_stale_while_real_nodes_fail(start_node):
    """Two processes' caches, three nodes, a writer and readers: G2 on every read, and all is well again in the end."""
    nodes = [start_node() for _ in "abc"]
    addresses = ",".join(f"{name}={node.address}" for name, node in zip("abc", nodes, strict=True))

    async def life():
        truth, ends = Truth(), time.monotonic() + SECONDS
        caches = [RingCache(addresses, truth.log) for _ in range(2)]
        for cache in caches:
            await cache.start()

        async def repeat(action, pause):
            while time.monotonic() < ends:
                await action(random.choice(caches), random.choice(KEYS))
                await asyncio.sleep(random.random() * pause)

        readers = [repeat(truth.read, 0.01) for _ in range(8)]
        await asyncio.gather(*readers, repeat(truth.write, 0.3), repeat(truth.write, 0.3), trouble(nodes, ends))
        await until(lambda: all(cache.status().serving == 3 for cache in caches), 30)
        answers = [await truth.read(cache, key) for cache in caches for key in KEYS for _ in range(2)]
        for cache in caches:
            await cache.close()
        return truth.reads, [answer.result for answer in answers]

    reads, results = uvloop.run(life())
    assert reads > 1000
    assert "hit" in results

"""What does a hit cost in this process? CPU per GET at 32 tasks: other clients, the bare connection, the whole cache.

    python -m bench.ring_get [--uvloop]

Starts a node of its own. CPU time of this process only (the node's is not in it); 401-byte values; median of five.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from statistics import median

import coredis
import redis.asyncio
import uvloop
from glide import GlideClient, GlideClientConfiguration, NodeAddress

from ring import MemoryLog, RingCache
from ring.connection import connect
from ring.node import parse_address
from tests.ring.nodes import RealNode

TASKS, CALLS = 32, 500
VALUE = b"x" * 401
Call = Callable[[], Awaitable[object]]


async def cpu_microseconds(call: Call) -> float:
    """CPU time per call with `TASKS` tasks calling one after the other."""

    async def caller() -> None:
        for _ in range(CALLS):
            await call()

    rounds = []
    for _ in range(5):
        began = time.process_time()
        await asyncio.gather(*(caller() for _ in range(TASKS)))
        rounds.append((time.process_time() - began) / (TASKS * CALLS) * 1e6)
    return median(rounds)


async def coredis_microseconds(client: "coredis.Redis[bytes]") -> float:
    """coredis works inside a block of its own."""
    async with client:
        return await cpu_microseconds(lambda: client.get("ring:k:k"))


async def measure(node: RealNode) -> dict[str, float]:
    """Measure each way to the same value."""

    async def load() -> bytes:
        return VALUE

    cache = RingCache(f"a={node.address}", MemoryLog())
    await cache.start()
    while not cache.status().serving:  # noqa: ASYNC110  # a benchmark may poll before it begins
        await asyncio.sleep(0.01)
    await cache.get_or_load("k", load)
    connection = await connect(parse_address(node.address), print)
    client = redis.asyncio.Redis(port=node.port)
    core = coredis.Redis(port=node.port)
    glide = await GlideClient.create(GlideClientConfiguration([NodeAddress("127.0.0.1", node.port)]))
    results = {
        "redis-py asyncio": await cpu_microseconds(lambda: client.get("ring:k:k")),
        "coredis": await coredis_microseconds(core),
        "valkey-glide": await cpu_microseconds(lambda: glide.get("ring:k:k")),
        "ring, bare connection": await cpu_microseconds(lambda: connection.execute(b"GET", b"ring:k:k")),
        "ring, RingCache.get_or_load hit": await cpu_microseconds(lambda: cache.get_or_load("k", load)),
    }
    await client.aclose()
    await glide.close()
    await connection.close()
    await cache.close()
    return results


def main(run: Callable[..., dict[str, float]]) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as directory:
        node = RealNode(Path(directory))
        try:
            results = run(measure(node))
        finally:
            node.kill()
    base = results["redis-py asyncio"]
    print("| client CPU per GET, 32 tasks | µs | redis-py takes |\n|---|---|---|")
    for name, microseconds in results.items():
        print(f"| {name} | {microseconds:.1f} | {base / microseconds:.1f} × |")


if __name__ == "__main__":
    main(uvloop.run if "--uvloop" in sys.argv else asyncio.run)

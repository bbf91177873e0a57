"""Fixtures of the ring's tests."""

import asyncio
import time

import pytest

from ring import MemoryLog, Options, RingCache
from tests.ring.nodes import RealNode


@pytest.fixture
def start_node(tmp_path_factory):
    """Starts real nodes, and ends them."""
    started = []

    def start(*arguments):
        node = RealNode(tmp_path_factory.mktemp("node"), *arguments)
        started.append(node)
        return node

    yield start
    for node in started:
        node.kill()


@pytest.fixture
def three_nodes(start_node):
    """Three real nodes by name."""
    return {name: start_node() for name in "abc"}


@pytest.fixture
async def start_cache():
    """Starts caches, and closes them."""
    started = []

    async def start(nodes, log=None, *, options=None, wait=True, **kwargs):
        text = nodes if isinstance(nodes, str) else ",".join(f"{name}={node.address}" for name, node in nodes.items())
        cache = RingCache(text, log or MemoryLog(), options=options or Options(), **kwargs)
        started.append(cache)
        await cache.start()
        if wait:
            await until(lambda: cache.status().serving == len(cache.ring.nodes))
        return cache

    yield start
    for cache in started:
        await cache.close()


async def until(condition, seconds=10.0):
    """Wait for a condition, with a deadline."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        await asyncio.sleep(0.01)

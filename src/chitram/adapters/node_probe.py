"""Asks one node directly, off the path of any read: is it there, has it caught up, how full is it?"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chitram.domain.node_set import RingNode
from ring.node import parse_address

PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What a node said. *cursor* is ``None`` without a ring record; *error* says why it did not answer."""

    name: str
    up: bool
    cursor: int | None = None
    memory_bytes: int = 0
    memory_limit: int = 0
    keys: int = 0
    evicted: int = 0
    version: str = ""
    policy: str = ""
    error: str = ""


def _client_of(address: str, seconds: float) -> Redis:
    """A client for a few questions to one node, which gives up after *seconds* and does not try again."""
    # Not from_url: it knows other schemes than the ring, and takes options from whatever follows a question mark.
    at = parse_address(address)
    return Redis(
        host=at.host,
        port=at.port,
        unix_socket_path=at.path or None,
        ssl=at.tls,
        username=at.username or None,
        password=at.password or None,
        db=at.database,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )


async def probe(node: RingNode, prefix: str, seconds: float = PROBE_SECONDS) -> Probe:
    """One round of questions, at most *seconds*. Never raises for a node that does not answer."""
    client = _client_of(node.address, seconds)
    try:
        async with asyncio.timeout(seconds):
            info: dict[str, Any] = await client.info()
            cursor = await client.hget(f"{prefix}:ring", "cursor")
            keys = await client.dbsize()
    except (RedisError, OSError, TimeoutError) as error:
        return Probe(node.name, up=False, error=str(error) or type(error).__name__)
    finally:
        await client.aclose()
    return Probe(
        node.name,
        up=True,
        cursor=None if cursor is None else int(cursor),
        memory_bytes=int(info.get("used_memory", 0)),
        memory_limit=int(info.get("maxmemory", 0)),
        keys=int(keys),
        evicted=int(info.get("evicted_keys", 0)),
        version=str(info.get("valkey_version") or info.get("redis_version", "")),
        policy=str(info.get("maxmemory_policy", "")),
    )


async def probe_all(nodes: Sequence[RingNode], prefix: str, seconds: float = PROBE_SECONDS) -> list[Probe]:
    """All of them at once."""
    return list(await asyncio.gather(*(probe(node, prefix, seconds) for node in nodes)))

"""Asks one node directly, from the command line: is it there, has it caught up, how full is it?"""

import asyncio
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from chitram.domain.node_set import RingNode

PROBE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What a node said. *cursor* is ``None`` without a ring record; *error* says why it did not answer."""

    name: str
    up: bool
    cursor: int | None = None
    memory_bytes: int = 0
    keys: int = 0
    version: str = ""
    policy: str = ""
    error: str = ""


async def probe(node: RingNode, prefix: str) -> Probe:
    """One round of questions, at most a second. Never raises for a node that does not answer."""
    url = node.address if "://" in node.address else f"redis://{node.address}"
    client: Redis = Redis.from_url(url, socket_timeout=PROBE_SECONDS, retry=Retry(NoBackoff(), 0))
    try:
        async with asyncio.timeout(PROBE_SECONDS):
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
        keys=int(keys),
        version=str(info.get("valkey_version") or info.get("redis_version", "")),
        policy=str(info.get("maxmemory_policy", "")),
    )


async def probe_all(nodes: tuple[RingNode, ...], prefix: str) -> list[Probe]:
    """All of them at once."""
    return list(await asyncio.gather(*(probe(node, prefix) for node in nodes)))

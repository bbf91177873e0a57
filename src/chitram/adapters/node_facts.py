"""Everything about one node that decides whether it is fit for the ring, asked on the kind of connection that the ring
itself uses: what fails here would fail there.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from chitram.domain.node_set import RingNode
from ring.connection import RedisConnection, connect
from ring.errors import NodeError
from ring.node import parse_address

SECONDS = 2.0
"""The deadline of connecting, and of each question."""
PINGS = 5
SAMPLE = 100


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What a node said. *error* is empty if it answered; *cause* is a short word for it, such as ``NOAUTH``."""

    name: str
    address: str
    error: str = ""
    cause: str = ""
    round_trip: float = 0.0
    """The fastest of a few, in seconds."""
    clock_ahead: float = 0.0
    """Seconds by which its clock is ahead of ours."""
    scripts: bool = True
    record: tuple[int, str] | None = None
    """The ring record's cursor and the log that it is about."""
    keys: int = 0
    keys_of_ours: int = 0
    """Estimated from a sample."""
    snapshots: bool = False
    """Whether it saves its memory to the disk by a schedule (`save`)."""
    info: Mapping[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """As the server names it; of a fork the fork's."""
        return self.info.get("valkey_version") or self.info.get("redis_version", "")

    def number(self, name: str) -> int:
        """A field of INFO as a number; 0 where it is missing."""
        try:
            return int(self.info.get(name, "0"))
        except ValueError:
            return 0


@asynccontextmanager
async def talking_to(address: str, *, seconds: float = SECONDS) -> AsyncIterator[RedisConnection]:
    """A connection of the ring's own kind. Raises NodeError."""
    endpoint = parse_address(address)
    connection = await connect(endpoint, lambda _cause: None, op_timeout=seconds, connect_timeout=seconds)
    try:
        yield connection
    finally:
        await connection.close()


async def examine(node: RingNode, prefix: str, *, seconds: float = SECONDS) -> NodeFacts:
    """Ask one node. Never raises for a node, and takes a few *seconds* at the most."""
    address = parse_address(node.address).display
    try:
        async with asyncio.timeout(2 * seconds), talking_to(node.address, seconds=seconds) as connection:
            return await _ask(node.name, address, connection, prefix)
    except NodeError as error:
        return NodeFacts(node.name, address, str(error), error.cause)
    except TimeoutError:
        return NodeFacts(node.name, address, "no answer in time", "timeout")


async def examine_all(nodes: tuple[RingNode, ...], prefix: str) -> list[NodeFacts]:
    """All of them at once."""
    return list(await asyncio.gather(*(examine(node, prefix) for node in nodes)))


async def _ask(name: str, address: str, connection: RedisConnection, prefix: str) -> NodeFacts:
    trips = [await _ping(connection) for _ in range(PINGS)]
    info = _parsed(await connection.execute("INFO"))
    cursor, log = await connection.execute("HMGET", f"{prefix}:ring", "cursor", "log")
    seconds, micros = await connection.execute("TIME")
    keys = int(await connection.execute("DBSIZE"))
    return NodeFacts(
        name=name,
        address=address,
        round_trip=min(trips),
        clock_ahead=int(seconds) + int(micros) / 1e6 - time.time(),
        scripts=await _answers(connection, "EVAL", "return 1", 0),
        record=None if cursor is None else (int(cursor), (log or b"").decode()),
        keys=keys,
        keys_of_ours=await _estimate(connection, keys, f"{prefix}:".encode()),
        snapshots=await _snapshots(connection),
        info=info,
    )


async def _ping(connection: RedisConnection) -> float:
    began = time.perf_counter()
    await connection.execute("PING")
    return time.perf_counter() - began


async def _answers(connection: RedisConnection, *command: str | int) -> bool:
    try:
        await connection.execute(*command)
    except NodeError:
        return False
    return True


async def _snapshots(connection: RedisConnection) -> bool:
    try:
        found = await connection.execute("CONFIG", "GET", "save")
    except NodeError:  # many a hosted one does not tell
        return False
    return len(found) > 1 and bool(found[1])


async def _estimate(connection: RedisConnection, keys: int, prefix: bytes) -> int:
    if not keys:
        return 0
    sampled = await asyncio.gather(*(connection.execute("RANDOMKEY") for _ in range(SAMPLE)))
    ours = [key for key in sampled if key is not None and bytes(key).startswith(prefix)]
    return round(keys * len(ours) / SAMPLE)


def _parsed(info: Any) -> dict[str, str]:
    lines = bytes(info).decode(errors="replace").splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

"""What one node holds under one key at this moment, read as it lies there and without touching it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chitram.adapters.node_facts import talking_to
from chitram.adapters.ring_cache import unpack
from chitram.services.image_ports import Document
from ring import Node, codec
from ring.errors import NodeError

SECONDS = 2.0
_KINDS = {codec.VALUE: "value", codec.NEGATIVE: "negative", codec.LEASE: "lease"}


@dataclass(frozen=True, slots=True)
class Held:
    """*kind* is ``nothing``, ``value``, ``negative`` (known not to exist), ``lease`` (being filled) or ``foreign``."""

    node: str
    kind: str = "nothing"
    error: str = ""
    current: bool = False
    """Of the node's present epoch; anything else is never served."""
    ttl: float | None = None
    """Seconds that it has left."""
    size: int = 0
    """Bytes on the node, the header included."""
    document: Document | None = None


async def held_by_all(nodes: Sequence[Node], key: str, prefix: str) -> list[Held]:
    """Ask them all at once. Never raises for a node."""
    return list(await asyncio.gather(*(held_by(node, key, prefix) for node in nodes)))


async def held_by(node: Node, key: str, prefix: str, *, seconds: float = SECONDS) -> Held:
    """Ask one node; *seconds* are the deadline of each step, twice that of all. Never raises for a node."""
    entry = f"{prefix}:k:{key}"
    try:
        async with asyncio.timeout(2 * seconds), talking_to(node.address, seconds=seconds) as connection:
            # Sent together, so that no fill or invalidation of another moment comes in between often.
            asked = (("GET", entry), ("PTTL", entry), ("HGET", f"{prefix}:ring", "epoch"))
            raw, left, epoch = await asyncio.gather(*(connection.execute(*command) for command in asked))
    except (NodeError, TimeoutError) as error:
        return Held(node.name, error=str(error) or "no answer in time")
    return Held(node.name) if raw is None else _held(node.name, bytes(raw), left, bytes(epoch or b""))


def _held(name: str, raw: bytes, left: int, epoch: bytes) -> Held:
    kind = _KINDS.get(raw[:1], "foreign")
    current = raw[1 : 1 + codec.EPOCH_BYTES] == epoch
    ttl = left / 1000 if left >= 0 else None
    return Held(name, kind, "", current, ttl, len(raw), _document(raw) if kind == "value" else None)


def _document(raw: bytes) -> Document | None:
    try:
        return unpack(codec.payload(raw) or b"")
    except (ValueError, KeyError):  # another version's, or not ours at all
        return None

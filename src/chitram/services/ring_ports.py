"""What an administrator's view of the ring needs from outside. Times in seconds, sizes in bytes, parts from 0 to 1."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol

from chitram.domain.node_set import RingNode
from chitram.services.node_set_ports import NodeSet


@dataclass(frozen=True, slots=True)
class LiveNode:
    """One node as this process sees it at this moment. Its address is without credentials."""

    name: str
    address: str
    state: str
    trusted: bool
    verified_age: float | None
    lag: int | None
    cause: str
    median_latency: float | None


@dataclass(frozen=True, slots=True)
class Vitals:
    """What a node said of itself; *error* says why it said nothing. *keys* are all of its keys, whoever put them."""

    name: str
    error: str = ""
    memory: int = 0
    memory_limit: int = 0
    """0 where none is set."""
    keys: int = 0
    evicted: int = 0


@dataclass(frozen=True, slots=True)
class NodeCounts:
    """Reads of one node by this process since it started, by their outcome."""

    hits: int = 0
    misses: int = 0
    errors: int = 0
    """Timeouts included."""
    p99: float | None = None

    @property
    def reads(self) -> int:
        """All of them."""
        return self.hits + self.misses + self.errors


Arc = tuple[float, float]
"""From where to where, in turns: 0 is the top of the ring; the end may lie beyond 1."""


@dataclass(frozen=True, slots=True)
class RingMap:
    """Where the nodes lie. *waiting* are the arcs of nodes that are not on the ring: what a joining one will get, what
    a draining one had. *sampled* is each node's part of a sample of keys.
    """

    owned: Mapping[str, tuple[Arc, ...]]
    waiting: Mapping[str, tuple[Arc, ...]]
    sampled: Mapping[str, float]
    sample: int


@dataclass(frozen=True, slots=True)
class RingEvent:
    """Something happened *times* in a row, the last time *at*; *node* is ``None`` for what concerns all of them."""

    at: datetime
    node: str | None
    what: str
    cause: str
    good: bool | None = None
    """``None`` for what is neither."""
    times: int = 1


HoldingKind = Literal["value", "negative", "lease", "nothing", "foreign", "no answer"]


@dataclass(frozen=True, slots=True)
class Holding:
    """What one node holds under a key: a value, the note that there is no such thing, a lease, or nothing.

    *current* says that it is of the node's present epoch; what is not is never served.
    """

    node: str
    kind: HoldingKind
    ttl: float | None = None
    size: int = 0
    current: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Inspection:
    """Where a key lies, and what the nodes hold under it, in the order in which they may serve it."""

    key: str
    slot: int
    holdings: tuple[Holding, ...]
    reach: int
    """So many of them, from the front, may ever be read."""

    @property
    def turn(self) -> float:
        """Its place on the ring, from 0 to 1."""
        return self.slot / 65_536

    @property
    def position(self) -> str:
        """The same as the 64 bits that nodes' points are compared with."""
        return f"{self.slot << 48:016x}"


class CacheEntries(Protocol):
    """Single keys. Raises ``ServiceUnavailable`` without the database."""

    async def inspect(self, key: str) -> Inspection:
        """Ask the nodes themselves, with a deadline; off the path of any read."""
        ...

    async def invalidate(self, key: str) -> int:
        """Log that *key* changed and return its log id once no process can read from any cache what there was."""
        ...


class RingMaps(Protocol):
    """Draws a node set."""

    def of(self, stored: NodeSet) -> RingMap:
        """Its map; remembered as long as the set stays the same."""
        ...


class AskNodes(Protocol):
    """Asks all nodes for their vitals at once."""

    async def __call__(self, nodes: Sequence[RingNode]) -> Sequence[Vitals]:
        """One answer a node within a fraction of a second, whatever state they are in. Never raises for a node."""
        ...


class EventLog(Protocol):
    """The last events of the ring in this process, in memory."""

    @property
    def changed_at(self) -> datetime | None:
        """When this process last took over another version of the node set."""
        ...

    def latest(self) -> Sequence[RingEvent]:
        """Newest first, a bounded number."""
        ...

    def note(self, event: RingEvent) -> None:
        """Add what an administrator did."""
        ...


class Deed(StrEnum):
    """What can be done to a node to see what happens."""

    KILL = "kill"
    FREEZE = "freeze"
    SLOW = "slow"
    HEAL = "heal"


@dataclass(frozen=True, slots=True)
class Victim:
    """A node that may be broken: what is being done to it, and for how many seconds still."""

    name: str
    doing: Deed | None
    left: float = 0.0


class Chaos(Protocol):
    """Breaks nodes on purpose, for a bounded time, so that one can learn what then happens."""

    def victims(self) -> Sequence[Victim]:
        """The nodes that may be broken; none where that is not allowed."""
        ...

    def do(self, name: str, deed: Deed) -> None:
        """Begin; it ends by itself. Raises ``NotFound`` and ``Conflict``."""
        ...

"""What the library needs from its user: an ordered log of invalidations, kept where the truth is kept.

The guarantees of the cache are exactly as good as the promises that an implementation keeps; each is said below.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ring.hashring import VNODES, HashRing, choose_salt
from ring.node import Node, parse_nodes

Clock = Callable[[], float]
"""Seconds since any fixed moment, never set back. It should go on while the machine sleeps."""

Fences = Mapping[str, int]
"""Fenced node's name → number of that fence; a number is never given twice to one node."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The node set under one version. A version names exactly one content, salt and weights included."""

    nodes: tuple[Node, ...] = ()
    version: int = 0
    salt: int = 0
    vnodes: int = VNODES

    @classmethod
    def of(cls, nodes: str | Collection[Node], vnodes: int = VNODES) -> "Membership":
        """Make the first node set from `REDIS_NODES` or nodes, with the most even salt for their names."""
        members = parse_nodes(nodes) if isinstance(nodes, str) else tuple(nodes)
        return cls(members, salt=choose_salt(members, vnodes), vnodes=vnodes)

    def ring(self) -> HashRing:
        """Place the `up` nodes."""
        return HashRing(self.nodes, self.vnodes, self.salt)


@dataclass(frozen=True, slots=True)
class Head:
    """The state of the log, all of it as of one moment (one statement, one snapshot)."""

    id: int
    version: int = 0
    fences: Fences = field(default_factory=dict)
    log: str = ""
    """The log's identity: made when the log is made, and anew when its database is restored from a backup."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the log: this key was changed or deleted."""

    id: int
    key: str


@dataclass(frozen=True, slots=True)
class Commit:
    """What one committed transaction invalidated, with what it saw while it held the clock row."""

    first: int
    """The log id of `keys[0]`; the others follow without a gap."""
    keys: tuple[str, ...]
    version: int = 0
    fences: Fences = field(default_factory=dict)
    log: str = ""

    @property
    def last(self) -> int:
        """The log id of the last key."""
        return self.first + len(self.keys) - 1


class InvalidationLog(Protocol):
    """The invalidation log. Any method may raise or hang: the cache then goes on without trusting a node.

    A writer appends inside its own transaction: as its last statement it takes the clock row's lock and raises `head`
    by the number of keys, so that ids are gapless and in commit order; in the same transaction it reads version, fences
    and log and hands them on as a `Commit` once the transaction is committed.
    """

    async def head(self) -> Head:
        """Read the head in ONE statement from the primary; every commit that ended before the call is in it."""
        ...

    async def since(self, cursor: int, limit: int) -> Sequence[Entry]:
        """Return at most `limit` entries with id > cursor, by id. Pruned rows are missing: the gap is noticed."""
        ...

    async def fence(self, names: Collection[str]) -> None:
        """Fence the nodes that are not fenced already, each under a new number."""
        ...

    async def unfence(self, name: str, number: int) -> None:
        """Clear that very fence, *while holding the clock row's lock*; do nothing if it is another or gone.

        The lock matters: a write that saw the fence and did not wait must be in every head read after the clearing.
        """
        ...

    async def members(self) -> Membership:
        """Read the node set and its version in one snapshot. A change raises the version under the clock row's lock."""
        ...

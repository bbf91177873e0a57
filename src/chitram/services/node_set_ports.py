"""The nodes that every process reads from, and what a change of them would do."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from chitram.domain.node_set import NodeChange, RingNode


@dataclass(frozen=True, slots=True)
class NodeSet:
    """The nodes under one version. *shares* are each node's part of all keys; *imbalance* of 1 is perfect."""

    version: int
    salt: int
    vnodes: int
    ring_hash: str
    nodes: tuple[RingNode, ...]
    shares: Mapping[str, float]
    imbalance: float


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What a change would do to the set at *version*: shares before and after, and the part of all keys that moves."""

    version: int
    before: Mapping[str, float]
    after: Mapping[str, float]
    moved: float
    moves: Mapping[str, float]
    """"a to b" → part of all keys; "none" stands for no node."""

    def leaving(self, name: str) -> float:
        """The part of all keys that *name* owns now and will not own any more."""
        return sum(part for pair, part in self.moves.items() if pair.startswith(f"{name} to "))


class NodeSets(Protocol):
    """The stored node set that every process follows. Raises ``ServiceUnavailable`` without the database."""

    async def current(self) -> NodeSet:
        """The set as it is."""
        ...

    async def plan(self, change: NodeChange) -> NodePlan:
        """What *change* would do. Raises ``NotFound``, ``Conflict``, ``ValidationFailed``."""
        ...

    async def commit(self, change: NodeChange, *, version: int | None) -> NodeSet:
        """Make *change*, unless the set is no longer at *version* (``Conflict``). Raises what :meth:`plan` raises."""
        ...

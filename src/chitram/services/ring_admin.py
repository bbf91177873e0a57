"""The ring in the hands of an administrator. To everybody else it does not exist."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chitram.domain.errors import NotFound
from chitram.domain.image import Caller
from chitram.domain.node_set import NodeChange
from chitram.services.ports import NodePlan, NodeSet, NodeSets


@dataclass(frozen=True, slots=True)
class LiveNode:
    """One node as this process sees it at this moment. Times in seconds; addresses without credentials."""

    name: str
    address: str
    state: str
    trusted: bool
    verified_age: float | None
    lag: int | None
    cause: str
    median_latency: float | None


@dataclass(frozen=True, slots=True)
class RingReport:
    """The stored set beside what this process sees."""

    stored: NodeSet
    live: tuple[LiveNode, ...]


class RingAdmin:
    """Look at the ring, plan a change, commit it."""

    def __init__(self, *, sets: NodeSets, live: Callable[[], Sequence[LiveNode]]) -> None:
        self._sets = sets
        self._live = live

    def admit(self, caller: Caller) -> None:
        """Refuse everybody else before anything is read. Raises ``NotFound``."""
        _require_admin(caller)

    async def report(self, caller: Caller) -> RingReport:
        """The ring now. Raises ``NotFound`` for others than administrators."""
        _require_admin(caller)
        return RingReport(await self._sets.current(), tuple(self._live()))

    async def plan(self, caller: Caller, change: NodeChange) -> NodePlan:
        """What a change would do. Raises ``NotFound``, ``Conflict``, ``ValidationFailed``."""
        _require_admin(caller)
        return await self._sets.plan(change)

    async def commit(self, caller: Caller, change: NodeChange, *, version: int) -> NodeSet:
        """Make the change that was planned at *version*. Raises what :meth:`plan` raises."""
        _require_admin(caller)
        return await self._sets.commit(change, version=version)


def _require_admin(caller: Caller) -> None:
    if not caller.is_admin:
        raise NotFound

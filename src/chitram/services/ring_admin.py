"""The ring in the hands of an administrator. To everybody else it does not exist."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from chitram.domain.errors import NotFound, Problem, ValidationFailed
from chitram.domain.image import Caller
from chitram.domain.node_set import NodeChange
from chitram.services.node_set_ports import NodePlan, NodeSet, NodeSets
from chitram.services.ring_dip import Dip, expected_dip
from chitram.services.ring_ports import (
    CacheEntries,
    Chaos,
    Deed,
    EventLog,
    Inspection,
    LiveNode,
    RingEvent,
    RingMaps,
)
from chitram.services.ring_report import RingReport, report_of
from chitram.services.ring_traffic import Traffic
from chitram.services.ring_vitals import RecentVitals

LONGEST_KEY = 200


class RingAdmin:
    """Look at the ring, plan a change, commit it; look at a key, invalidate it; where allowed, break a node.

    Every method raises ``NotFound`` for others than administrators, before anything is read.
    """

    def __init__(
        self,
        *,
        sets: NodeSets,
        live: Callable[[], Sequence[LiveNode]],
        maps: RingMaps,
        vitals: RecentVitals,
        traffic: Traffic,
        entries: CacheEntries,
        events: EventLog,
        chaos: Chaos,
    ) -> None:
        self._sets = sets
        self._live = live
        self._maps = maps
        self._vitals = vitals
        self._traffic = traffic
        self._entries = entries
        self._events = events
        self._chaos = chaos

    def admit(self, caller: Caller) -> None:
        """Refuse everybody else before anything is read. Raises ``NotFound``."""
        if not caller.is_admin:
            raise NotFound

    async def report(self, caller: Caller) -> RingReport:
        """The ring now."""
        self.admit(caller)
        stored = await self._sets.current()
        changed_at = self._events.changed_at
        return report_of(
            stored,
            self._live(),
            await self._vitals.by_node(stored.nodes),
            self._traffic.by_node(),
            self._maps.of(stored),
            counted=self._traffic.counted,
            events=self._events.latest(),
            victims=self._chaos.victims(),
            since_change=None if changed_at is None else (datetime.now(UTC) - changed_at).total_seconds(),
        )

    async def plan(self, caller: Caller, change: NodeChange) -> tuple[NodePlan, Dip]:
        """What a change would do. Raises ``NotFound``, ``Conflict``, ``ValidationFailed``."""
        self.admit(caller)
        planned = await self._sets.plan(change)
        return planned, expected_dip(planned, self._traffic.by_node())

    async def commit(self, caller: Caller, change: NodeChange, *, version: int) -> NodeSet:
        """Make the change that was planned at *version*. Raises what :meth:`plan` raises."""
        self.admit(caller)
        stored = await self._sets.commit(change, version=version)
        self._note(change.name, f"{change.action} committed, version {stored.version}", "an administrator, here")
        return stored

    async def inspect(self, caller: Caller, key: str) -> Inspection:
        """Where an image (by either id) or any other key lies, and who holds it. Raises ``ValidationFailed``."""
        self.admit(caller)
        return await self._entries.inspect(_checked(key))

    async def invalidate(self, caller: Caller, key: str) -> int:
        """As if *key* had been written: when this returns, no process reads what any node holds. Its log id."""
        self.admit(caller)
        entry = await self._entries.invalidate(_checked(key))
        self._note(None, f"one key invalidated, log entry {entry}", "an administrator, here")
        return entry

    def harm(self, caller: Caller, name: str, deed: Deed) -> None:
        """Break a node, or end that. Raises ``NotFound`` also where breaking is not allowed, and ``Conflict``."""
        self.admit(caller)
        self._chaos.do(name, deed)
        self._note(name, f"chaos: {deed}", "an administrator, here")

    def _note(self, node: str | None, what: str, cause: str) -> None:
        self._events.note(RingEvent(datetime.now(UTC), node, what, cause))


def _checked(key: str) -> str:
    stripped = key.strip()
    if not 1 <= len(stripped) <= LONGEST_KEY or not stripped.isprintable():
        sentence = f"Use an image's id, its short id, or a key of 1 to {LONGEST_KEY} printable characters."
        raise ValidationFailed(Problem("/key", sentence), detail=sentence)
    return stripped

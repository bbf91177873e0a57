"""The parts of the ring page besides its nodes: events, plans, keys, and what can be broken."""

from dataclasses import dataclass
from typing import Self

from chitram.domain.node_set import Action, NodeChange
from chitram.handlers.present import timestamp
from chitram.handlers.ring_words import (
    DEEDS,
    DOING,
    MAINTENANCE,
    MEANINGS,
    duration_words,
    holding_words,
    percent,
)
from chitram.services.node_set_ports import NodePlan
from chitram.services.ring_dip import Dip
from chitram.services.ring_ports import Deed, Inspection, RingEvent, Victim


@dataclass(frozen=True, slots=True)
class EventView:
    """One row of the last events."""

    iso: str
    clock: str
    node: str
    what: str
    cause: str
    tone: str

    @classmethod
    def of(cls, event: RingEvent) -> Self:
        """Describe an event; its time is UTC."""
        times = f" ×{event.times}" if event.times > 1 else ""
        mood = {True: "ok", False: "danger", None: ""}[event.good]
        clock = f"{event.at:%H:%M:%S}"
        return cls(timestamp(event.at), clock, event.node or "all", event.what + times, event.cause, mood)


@dataclass(frozen=True, slots=True)
class Share:
    """One node before and after a change."""

    name: str
    before: str
    after: str
    change: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """A plan, to be read before it is committed."""

    action: Action
    name: str
    address: str
    weight: str
    version: int
    meaning: str
    moved: str
    dip: str
    shares: tuple[Share, ...]
    moves: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, change: NodeChange, planned: NodePlan, dip: Dip, *, maintenance: bool) -> Self:
        """Describe what *change* would do."""
        names = sorted({*planned.before, *planned.after})
        return cls(
            action=change.action,
            name=change.name,
            address=change.address,
            weight=f"{change.weight:g}",
            version=planned.version,
            meaning=f"{MEANINGS[change.action]} {MAINTENANCE}" if maintenance else MEANINGS[change.action],
            moved=percent(planned.moved, 2),
            dip=dip.sentence,
            shares=tuple(_share(name, planned) for name in names),
            moves=tuple((pair, percent(part, 2)) for pair, part in planned.moves.items()),
        )


@dataclass(frozen=True, slots=True)
class HoldingView:
    """What one node holds under a key; *place* says what it is to the key."""

    place: str
    node: str
    holds: str
    ttl: str
    size: str
    epoch: str


@dataclass(frozen=True, slots=True)
class KeyView:
    """The key inspector's answer."""

    key: str
    slot: int
    position: str
    holdings: tuple[HoldingView, ...]

    @classmethod
    def of(cls, found: Inspection) -> Self:
        """Describe it."""
        holdings = tuple(_holding(found, index) for index in range(len(found.holdings)))
        return cls(found.key, found.slot, found.position, holdings)


@dataclass(frozen=True, slots=True)
class VictimView:
    """A node that may be broken."""

    name: str
    doing: str

    @classmethod
    def of(cls, victim: Victim) -> Self:
        """Describe what is being done to it."""
        left = f", {victim.left:.0f} s left" if victim.left else ""
        return cls(victim.name, DOING[victim.doing] + left if victim.doing else "left alone")


def deeds() -> tuple[tuple[str, str, str], ...]:
    """Value, label and what one should see, for each."""
    return tuple((deed.value, *DEEDS[deed]) for deed in Deed)


def _share(name: str, planned: NodePlan) -> Share:
    before, after = planned.before.get(name, 0.0), planned.after.get(name, 0.0)
    return Share(name, percent(before, 2), percent(after, 2), f"{(after - before) * 100:+.2f}")


def _holding(found: Inspection, index: int) -> HoldingView:
    holding = found.holdings[index]
    place = ("owner" if index == 0 else f"next, {index}") if index < found.reach else "not read for it"
    has_entry = holding.kind in {"value", "negative", "lease"}
    return HoldingView(
        place=place,
        node=holding.node,
        holds=holding_words(holding),
        ttl=duration_words(holding.ttl),
        size=f"{holding.size:,} bytes" if holding.size else "",
        epoch=("the node's own" if holding.current else "an older one, never served") if has_entry else "",
    )

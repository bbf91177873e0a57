"""The ring page and the fragment that keeps it up to date: what their templates see."""

from dataclasses import dataclass
from typing import ClassVar, Self

from chitram.handlers.form_views import Field
from chitram.handlers.ring_node_view import NodeView, nodes_of
from chitram.handlers.ring_parts import EventView, KeyView, PlanView, VictimView, deeds
from chitram.handlers.ring_svg import marker_path
from chitram.services.ring_report import RingReport


@dataclass(frozen=True, slots=True)
class RingLive:
    """What changes by itself. *marker* is the path of a pointer to the inspected key, or empty."""

    template: ClassVar[str] = "partials/ring_live.html"
    sentence: str
    fine: bool
    serving: int
    normal: int
    sample: int
    marker: str
    nodes: tuple[NodeView, ...]
    events: tuple[EventView, ...]
    victims: tuple[VictimView, ...]

    @classmethod
    def of(cls, report: RingReport, slot: int | None) -> Self:
        """Describe a report."""
        return cls(
            sentence=report.sentence,
            fine=report.serving == report.normal,
            serving=report.serving,
            normal=report.normal,
            sample=report.map.sample,
            marker="" if slot is None else marker_path(slot / 65_536),
            nodes=nodes_of(report.rows, report.map),
            events=tuple(EventView.of(event) for event in report.events),
            victims=tuple(VictimView.of(victim) for victim in report.victims),
        )

    @property
    def deeds(self) -> tuple[tuple[str, str, str], ...]:
        """What can be done to a node: value, label, explanation."""
        return deeds()


@dataclass(frozen=True, slots=True)
class RingForms:
    """The forms as they are shown, fresh or refused; *again* are the hidden fields of a plan to be made anew."""

    message: str | None
    name: Field
    address: Field
    weight: Field
    typed: Field
    key: Field
    again: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RingPage:
    """The whole page. *made* is the moment of the report, in UTC."""

    template: ClassVar[str] = "pages/ring.html"
    live: RingLive
    forms: RingForms
    plan: PlanView | None
    found: KeyView | None
    poll: str
    made: str

    @property
    def clock(self) -> str:
        """The moment as people read it."""
        return self.made[11:19]

"""One node as the ring page shows it: in the table, the legend and the picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from chitram.domain.node_set import Member
from chitram.handlers.ring_svg import INNER_BAND, band_path, look
from chitram.handlers.ring_words import UNKNOWN, duration_words, memory_words, percent, state_words, tone
from chitram.services.ring_ports import RingMap
from chitram.services.ring_report import NodeRow

_STEPS = {
    Member.UP: (("drain", "Drain"), ("maintenance", "Maintenance")),
    Member.DRAINING: (("ready", "Ready"), ("remove", "Remove")),
    Member.JOINING: (("ready", "Ready"), ("drain", "Drain")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeView:
    """One node, as the table, the legend and the picture show it."""

    name: str
    hue: int
    pattern: int
    letters: str
    state: str
    short_state: str
    tone: str
    member: str
    down: bool
    address: str
    weight: str
    owns: str
    sampled: str
    arcs: int
    path: str
    waiting_path: str
    hit: str
    p99: str
    errors: str
    memory: str
    keys: str
    evicted: int
    verified: str
    steps: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, index: int, row: NodeRow, drawn: RingMap) -> Self:
        """Describe a row of the report."""
        hue, pattern = look(index)
        owned, waiting, live = drawn.owned.get(row.name, ()), drawn.waiting.get(row.name, ()), row.live
        return cls(
            name=row.name,
            hue=hue,
            pattern=pattern,
            letters=row.letters,
            state=state_words(row),
            short_state="down" if row.down else state_words(row),
            tone=tone(row),
            member=row.stored.state,
            down=row.down,
            address=live.address if live else "",
            weight=f"{row.stored.weight:g}",
            owns=percent(row.owns, 2),
            sampled=percent(row.sampled, 2),
            arcs=len(owned),
            path=band_path(owned),
            waiting_path=band_path(waiting, INNER_BAND),
            hit=percent(row.traffic.hit_ratio),
            p99=duration_words(row.traffic.p99),
            errors=f"{row.traffic.errors_per_second:.2g}",
            memory=memory_words(row.vitals),
            keys=UNKNOWN if row.vitals.error else f"{row.vitals.keys:,}",
            evicted=row.vitals.evicted,
            verified=duration_words(live.verified_age if live else None),
            steps=_STEPS[row.stored.state],
        )


def nodes_of(rows: Sequence[NodeRow], drawn: RingMap) -> tuple[NodeView, ...]:
    """All of them, in the order of their names."""
    return tuple(NodeView.of(index, row, drawn) for index, row in enumerate(rows))

"""The ring at a glance: what is stored, what this process sees, what the nodes say, put together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chitram.domain.node_set import Member, RingNode
from chitram.services.node_set_ports import NodeSet
from chitram.services.ring_ports import LiveNode, RingEvent, RingMap, Victim, Vitals
from chitram.services.ring_traffic import NodeTraffic, hit_ratio

LOPSIDED = 1.25
_MEMBER_LETTERS = {Member.UP: "N", Member.JOINING: "J", Member.DRAINING: "L"}


@dataclass(frozen=True, slots=True)
class NodeRow:
    """Everything about one node. *live* is ``None`` until this process has taken the node over."""

    stored: RingNode
    live: LiveNode | None
    vitals: Vitals
    traffic: NodeTraffic
    owns: float
    sampled: float

    @property
    def name(self) -> str:
        """Its name."""
        return self.stored.name

    @property
    def down(self) -> bool:
        """Whether this process has given it up for now."""
        return self.live is not None and self.live.state == "down"

    @property
    def serving(self) -> bool:
        """Whether this process may read it at this moment."""
        return self.live is not None and self.live.trusted

    @property
    def letters(self) -> str:
        """As in nodetool: **U**p or **D**own, then **N**ormal, **J**oining or **L**eaving."""
        return ("D" if self.down else "U") + _MEMBER_LETTERS[self.stored.state]


@dataclass(frozen=True, slots=True)
class RingReport:
    """The ring now. *changed_age* is how long ago the set last changed, as far as is known."""

    stored: NodeSet
    live: tuple[LiveNode, ...]
    rows: tuple[NodeRow, ...]
    map: RingMap
    events: tuple[RingEvent, ...]
    victims: tuple[Victim, ...]
    changed_age: float | None
    hit_ratio: float | None
    counted: bool

    @property
    def serving(self) -> int:
        """How many nodes may be read at this moment."""
        return sum(row.serving for row in self.rows)

    @property
    def normal(self) -> int:
        """How many nodes are meant to be read."""
        return sum(row.stored.state is Member.UP for row in self.rows)

    @property
    def sentence(self) -> str:
        """All of it in a line."""
        if not self.rows:
            return "No nodes · the cache is off, every read goes to the database"
        nodes = "node" if self.normal == 1 else "nodes"
        parts = [f"{self.serving} of {self.normal} {nodes} serving", *self._others(), self._balance(), self._hits()]
        changed = "" if self.changed_age is None else f", changed {age_words(self.changed_age)} ago"
        return " · ".join([*parts, f"version {self.stored.version}{changed}"])

    def _others(self) -> list[str]:
        counts = [(sum(row.stored.state is state for row in self.rows), state) for state in Member]
        return [f"{count} {state}" for count, state in counts if count and state is not Member.UP]

    def _balance(self) -> str:
        if self.normal < 2:
            return "one node owns every key" if self.normal else "no node owns a key"
        word = "balanced" if self.stored.imbalance <= LOPSIDED else "lopsided"
        return f"{word} (max {self.stored.imbalance:.2f}× fair share)"

    def _hits(self) -> str:
        if not self.counted:
            return "reads are not counted (METRICS_ENABLED)"
        return "no reads in the last minute" if self.hit_ratio is None else f"hit {self.hit_ratio:.0%}"


def report_of(
    stored: NodeSet,
    live: Sequence[LiveNode],
    vitals: Mapping[str, Vitals],
    traffic: Mapping[str, NodeTraffic],
    drawn: RingMap,
    *,
    counted: bool,
    events: Sequence[RingEvent],
    victims: Sequence[Victim],
    since_change: float | None,
) -> RingReport:
    """Put it together; *since_change* is what this process saw itself."""
    seen = {node.name: node for node in live}
    rows = tuple(
        NodeRow(
            stored=node,
            live=seen.get(node.name),
            vitals=vitals.get(node.name, Vitals(node.name, "not asked yet")),
            traffic=traffic.get(node.name, NodeTraffic()),
            owns=stored.shares.get(node.name, 0.0),
            sampled=drawn.sampled.get(node.name, 0.0),
        )
        for node in stored.nodes
    )
    present = {name: counted for name, counted in traffic.items() if any(row.name == name for row in rows)}
    ages = [node.since for node in stored.nodes] + ([] if since_change is None else [since_change])
    return RingReport(
        stored=stored,
        live=tuple(live),
        rows=rows,
        map=drawn,
        events=tuple(events),
        victims=tuple(victims),
        changed_age=min(ages, default=None),
        hit_ratio=hit_ratio(present),
        counted=counted,
    )


def age_words(seconds: float) -> str:
    """How long ago, in the unit that people would use."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"

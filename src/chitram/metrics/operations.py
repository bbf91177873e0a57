"""What the ring tells: one call for each read of a node, on the path of a hit, and an event for everything rare."""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.core import Metric

from chitram.metrics.families import Counts, Histogram, counter, gauge, histogram
from chitram.metrics.gauges import Gauges, ring_gauges
from ring.events import (
    AckWaited,
    Event,
    Filled,
    Invalidated,
    Loading,
    MembersChanged,
    Replayed,
    Transition,
    TrustChanged,
)

BOUNDS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25)
RESULTS = ("hit", "miss", "error", "timeout", "skipped")
REASONS = ("down", "unverified", "joining", "draining")
HEALTH = ("up", "down", "recovering")
LOADS = ("miss", "failover", "nonode", "disabled", "refresh")
FILLS = ("stored", "lost", "error")
INVALIDATIONS = ("applied", "norecord", "error")
_READABLE = "up"


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """What this process has seen of a node since its start. Quantiles in seconds, estimated from the buckets."""

    hits: int
    misses: int
    errors: int
    timeouts: int
    p50: float | None
    p99: float | None


class _Cell:
    """One node and operation."""

    __slots__ = ("durations", "results")

    def __init__(self) -> None:
        self.durations = Histogram(BOUNDS)
        self.results: dict[str, int] = defaultdict(int, dict.fromkeys(RESULTS, 0))


class Operations:
    """The ring's observer. *gauges* says what state the nodes are in, for the reason of a failover."""

    def __init__(self, gauges: Callable[[], Gauges]) -> None:
        self._gauges = gauges
        self._cells: dict[tuple[str, str], _Cell] = {}
        self._reasons: dict[str, str] = {}
        self._changed_at: float | None = None
        both = ("node", "result")
        self._failovers = Counts(
            "ring_failover_reads", "Reads that another node served, by the one left out and why.", ("node", "reason")
        )
        self._loads = Counts(
            "ring_loads", "Keys read from the database, by reason.", ("reason",), known=((name,) for name in LOADS)
        )
        self._fills = Counts("ring_fills", "Values written to a node after a load, by result.", both)
        self._invalidations = Counts("ring_invalidations", "Invalidations sent with a write, by result.", both)
        self._replayed = Counts("ring_replayed", "Invalidations brought to a node later, from the log.", ("node",))
        self._transitions = Counts("ring_transitions", "Changes of a node's health.", ("node", "to"))
        self._ack_waits = Counts("ring_ack_waits", "Writes acknowledged late, for a node that was out of reach.")
        self._changes = Counts("ring_changes", "Versions of the node set taken over since the start.")

    def record(self, node: str, op: str, result: str, seconds: float) -> None:
        """One operation on a node. Written out rather than composed: two calls are half of its cost."""
        try:
            cell = self._cells[node, op]
        except KeyError:
            cell = self._cells[node, op] = _Cell()
        cell.results[result] += 1
        if result == "skipped":  # nobody was asked, so nothing took any time
            self._failovers.add(node, self._reason(node))
            return
        durations = cell.durations
        durations.counts[bisect_left(BOUNDS, seconds)] += 1
        durations.total += seconds

    def event(self, event: Event) -> None:
        """A rare event of the ring."""
        match event:
            case Transition(node=node, new=new):
                self._transitions.add(node, new)
                self._reasons.clear()
            case TrustChanged():
                self._reasons.clear()
            case Loading(reason=reason, keys=keys):
                self._loads.add(reason, by=keys)
            case Filled(node=node, result=result):
                self._fills.add(node, result)
            case Invalidated(node=node, result=result):
                self._invalidations.add(node, result)
            case Replayed(node=node, entries=entries):
                self._replayed.add(node, by=entries)
            case AckWaited():
                self._ack_waits.add()
            case MembersChanged():
                self._changes.add()
                self._changed_at = time.time()
                self._reasons.clear()
            case _:
                pass

    def figures(self) -> Mapping[str, NodeFigures]:
        """By node, of those that were read at all."""
        return {node: _figures(cell) for (node, op), cell in self._cells.items() if op == "get"}

    def collect(self, now: Gauges) -> Iterable[Metric]:
        """For a scrape. Every node has its rows from the start: Prometheus sees no increase in a first value."""
        names = [node.name for node in now.nodes]
        yield from self._reads(names)
        yield self._failovers.metric(*_each(names, REASONS))
        yield self._loads.metric()
        yield self._fills.metric(*_each(names, FILLS))
        yield self._invalidations.metric(*_each(names, INVALIDATIONS))
        yield self._replayed.metric(*((name,) for name in names))
        yield self._transitions.metric(*_each(names, HEALTH))
        yield self._ack_waits.metric()
        yield self._changes.metric()
        changed = {} if self._changed_at is None else {(): self._changed_at}
        yield gauge("ring_changed_timestamp_seconds", "When this process last took over a node set.", (), changed)
        yield from ring_gauges(now)

    def _reads(self, names: Iterable[str]) -> Iterable[Metric]:
        cells = {(name, "get"): _Cell() for name in names} | self._cells
        counts = {(*key, result): count for key, cell in cells.items() for result, count in cell.results.items()}
        text = "Reads of a node by result; skipped: it owns the key, but another one had to be asked."
        yield counter("ring_requests", text, ("node", "op", "result"), counts)
        text = "Time from a question to a node until its answer or the deadline."
        times = {key: cell.durations for key, cell in cells.items()}
        yield histogram("ring_op_duration_seconds", text, ("node", "op"), times)

    def _reason(self, node: str) -> str:
        """Why a node is left out; looked up once after each change, since an outage leaves it out for every read."""
        if node not in self._reasons:
            states = {known.name: known.state for known in self._gauges().nodes}
            state = states.get(node, _READABLE)
            self._reasons[node] = "unverified" if state == _READABLE else state
        return self._reasons[node]


def _each(names: Iterable[str], values: Iterable[str]) -> Iterable[tuple[str, str]]:
    return ((name, value) for name in names for value in values)


def _figures(cell: _Cell) -> NodeFigures:
    counted, times = cell.results, cell.durations
    return NodeFigures(
        hits=counted["hit"],
        misses=counted["miss"],
        errors=counted["error"],
        timeouts=counted["timeout"],
        p50=times.quantile(0.5),
        p99=times.quantile(0.99),
    )

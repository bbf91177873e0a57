"""Every metric: its name, labels, buckets and help. Recording is an integer's increment; the work is done at a scrape.

Labels are bounded: nodes, routes, methods and results, never an id, a key, a user or a path. Each application has a
registry of its own, so two can live in one process.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ring.events import AckWaited, Event, Filled, Invalidated, Replayed, Transition

HTTP_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
NODE_BUCKETS = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1)
Rows = Mapping[Any, float]
"""A value for each tuple of label values."""

METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})


@dataclass(slots=True)
class Histogram:
    """Observations in seconds, counted by bucket."""

    bounds: tuple[float, ...]
    counts: list[int] = field(init=False)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, seconds: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus' form: each bucket holds all that is smaller."""
        running, rows = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            running += count
            rows.append(("+Inf" if bound == float("inf") else str(bound), float(running)))
        return rows


@dataclass(frozen=True, slots=True)
class NodeGauge:
    """The present state of one node. Ages in seconds; ``verified_age`` is ``None`` when it never was."""

    name: str
    state: str
    trusted: bool
    share: float
    lag: int | None
    verified_age: float | None


@dataclass(frozen=True, slots=True)
class Gauges:
    """What is read at a scrape rather than counted."""

    ring_version: int = 0
    ring_hash: str = ""
    vnodes: int = 0
    imbalance: float = 1.0
    nodes: Sequence[NodeGauge] = ()
    uploads_in_progress: int = 0
    jobs_waiting: int = 0


class Metrics:
    """Counts what happens; the ring's observer among other things."""

    def __init__(self, *, version: str) -> None:
        self._version = version
        self.in_flight = 0
        self.gauges: Callable[[], Gauges] = Gauges
        self._requests: Counter[tuple[str, str, int]] = Counter()
        self._durations: dict[tuple[str, str], Histogram] = {}
        self._ops: Counter[tuple[str, str, str]] = Counter()
        self._op_durations: dict[tuple[str, str], Histogram] = {}
        self._fills: Counter[tuple[str, str]] = Counter()
        self._invalidations: Counter[tuple[str, str]] = Counter()
        self._transitions: Counter[tuple[str, str]] = Counter()
        self._replayed: Counter[tuple[str]] = Counter()
        self._uploads: Counter[tuple[str]] = Counter()
        self._thumbnails: Counter[tuple[str, str]] = Counter()
        self._ack_waits = 0
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self)

    def http(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request."""
        method = method if method in METHODS else "OTHER"
        self._requests[method, route, status] += 1
        histogram = self._durations.get((method, route))
        if histogram is None:
            histogram = self._durations[method, route] = Histogram(HTTP_BUCKETS)
        histogram.observe(seconds)

    def op(self, node: str, op: str, result: str, seconds: float) -> None:
        """One operation on a node (the ring's observer)."""
        self._ops[node, op, result] += 1
        histogram = self._op_durations.get((node, op))
        if histogram is None:
            histogram = self._op_durations[node, op] = Histogram(NODE_BUCKETS)
        histogram.observe(seconds)

    def event(self, event: Event) -> None:
        """A rare event of the ring."""
        match event:
            case Transition(node=node, new=new):
                self._transitions[node, new] += 1
            case Filled(node=node, result=result):
                self._fills[node, result] += 1
            case Invalidated(node=node, result=result):
                self._invalidations[node, result] += 1
            case Replayed(node=node, entries=entries):
                self._replayed[(node,)] += entries
            case AckWaited():
                self._ack_waits += 1
            case _:
                pass

    def upload(self, result: str) -> None:
        """One upload: ``created``, ``duplicate`` or the code of its error."""
        self._uploads[(result,)] += 1

    def thumbnails(self, made: bool) -> None:
        """The thumbnails of one image were made, or given up."""
        self._thumbnails["thumbnails", "done" if made else "failed"] += 1

    def expose(self) -> tuple[bytes, str]:
        """The text format and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def collect(self) -> Iterable[Metric]:
        """Called by the registry at a scrape."""
        yield from self._http_metrics()
        yield from self._ring_counters()
        yield from self._ring_gauges(self.gauges())

    def _http_metrics(self) -> Iterable[Metric]:
        yield _info("chitram_build", "The version that runs.", {"version": self._version})
        labels = ("method", "route", "status")
        rows = {(method, route, str(status)): count for (method, route, status), count in self._requests.items()}
        yield _counter("chitram_http_requests", "Requests answered, by method, route pattern and status.", labels, rows)
        yield _histogram(
            "chitram_http_request_duration_seconds", "Time to answer.", ("method", "route"), self._durations
        )
        yield _gauge("chitram_http_in_flight", "Requests being answered now.", (), {(): self.in_flight})
        yield _counter(
            "chitram_uploads", "Uploads by result: created, duplicate or an error code.", ("result",), self._uploads
        )
        yield _counter(
            "chitram_jobs", "Background jobs ended, by kind and result.", ("kind", "result"), self._thumbnails
        )

    def _ring_counters(self) -> Iterable[Metric]:
        op = ("node", "op", "result")
        yield _counter("ring_requests", "Cache operations: hit, miss, error, timeout or skipped.", op, self._ops)
        yield _histogram("ring_op_duration_seconds", "Time of a cache operation.", ("node", "op"), self._op_durations)
        yield _counter("ring_fills", "Values written after a miss, by result.", ("node", "result"), self._fills)
        both = ("node", "result")
        yield _counter("ring_invalidations", "Invalidations sent with a write, by result.", both, self._invalidations)
        yield _counter(
            "ring_replayed", "Invalidations brought to a node later, from the log.", ("node",), self._replayed
        )
        yield _counter("ring_transitions", "Changes of a node's health.", ("node", "to"), self._transitions)
        yield _counter("ring_ack_waits", "Writes acknowledged late for an unreachable node.", (), {(): self._ack_waits})

    def _ring_gauges(self, now: Gauges) -> Iterable[Metric]:
        ring = {"version": str(now.ring_version), "hash": now.ring_hash, "vnodes": str(now.vnodes)}
        yield _info("ring", "The node set that this process uses.", ring)
        states = {(node.name, node.state): 1 for node in now.nodes}
        yield _gauge("ring_node_state", "1 for the state that a node is in.", ("node", "state"), states)
        trusted = {(node.name,): int(node.trusted) for node in now.nodes}
        yield _gauge("ring_node_trusted", "1 while this process may read the node.", ("node",), trusted)
        shares = {(node.name,): node.share for node in now.nodes}
        yield _gauge("ring_ownership_ratio", "The share of all keys that a node owns.", ("node",), shares)
        imbalance = {(): now.imbalance}
        yield _gauge("ring_imbalance_ratio", "The largest share over the fair one; 1 is perfect.", (), imbalance)
        lags = {(node.name,): node.lag for node in now.nodes if node.lag is not None}
        yield _gauge("ring_lag", "Invalidations that a node has not applied yet.", ("node",), lags)
        ages = {(node.name,): node.verified_age for node in now.nodes if node.verified_age is not None}
        yield _gauge("ring_verified_age_seconds", "Since when a node is known to have caught up.", ("node",), ages)
        yield _gauge("chitram_uploads_in_progress", "Uploads being received.", (), {(): now.uploads_in_progress})
        yield _gauge("chitram_jobs_queue_depth", "Jobs waiting here.", ("kind",), {("thumbnails",): now.jobs_waiting})


def _counter(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows.items():
        family.add_metric(values, count)
    return family


def _gauge(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows.items():
        family.add_metric(values, value)
    return family


def _info(name: str, text: str, labels: dict[str, str]) -> Metric:
    return _gauge(f"{name}_info", text, tuple(labels), {tuple(labels.values()): 1})


def _histogram(name: str, text: str, labels: tuple[str, ...], rows: Mapping[tuple[str, str], Histogram]) -> Metric:
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, histogram in rows.items():
        family.add_metric(values, buckets=histogram.cumulative(), sum_value=histogram.total)
    return family

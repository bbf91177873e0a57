"""What is read at a scrape rather than counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import Metric

from chitram.metrics.families import gauge, info

STATES = ("up", "down", "joining", "draining")


@dataclass(frozen=True, slots=True)
class NodeGauge:
    """The present state of one node. Ages in seconds; ``verified_age`` is ``None`` when it never was."""

    name: str
    state: str
    trusted: bool
    share: float
    lag: int | None
    verified_age: float | None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Gauges:
    """The state of everything at this moment. *jobs* (kind → owed, dead, seconds overdue) is empty
    until the database was asked;
    *pool* holds the connections in use and how many there may be.
    """

    ring_version: int = 0
    ring_hash: str = ""
    vnodes: int = 0
    imbalance: float = 1.0
    nodes: Sequence[NodeGauge] = ()
    uploads_in_progress: int = 0
    uploads_limit: int = 0
    jobs: Mapping[str, tuple[int, int, float]] = field(default_factory=dict)
    pool: tuple[int, int] = (0, 0)


def ring_gauges(now: Gauges) -> Iterable[Metric]:
    """The ring as this process sees it."""
    ring = {"version": str(now.ring_version), "hash": now.ring_hash, "vnodes": str(now.vnodes)}
    yield info("ring", "The node set by which this process goes; two of them among processes disagree.", ring)
    states = {(node.name, state): int(node.state == state) for node in now.nodes for state in STATES}
    yield gauge("ring_node_state", "1 for the state in which this process sees a node.", ("node", "state"), states)
    trusted = {(node.name,): int(node.trusted) for node in now.nodes}
    yield gauge("ring_node_trusted", "1 while this process may read the node.", ("node",), trusted)
    shares = {(node.name,): node.share for node in now.nodes}
    yield gauge("ring_ownership_ratio", "The share of all keys that a node owns.", ("node",), shares)
    yield gauge("ring_ownership_expected_ratio", "The share that its weight asks for.", ("node",), _expected(now))
    imbalance = {(): now.imbalance}
    yield gauge("ring_imbalance_ratio", "The largest share over the fair one; 1 is perfect.", (), imbalance)
    lags = {(node.name,): node.lag for node in now.nodes if node.lag is not None}
    yield gauge("ring_lag", "Invalidations of the log that a node has not applied yet.", ("node",), lags)
    ages = {(node.name,): node.verified_age for node in now.nodes if node.verified_age is not None}
    yield gauge("ring_verified_age_seconds", "Since when a node is known to have caught up.", ("node",), ages)


def work_gauges(now: Gauges) -> Iterable[Metric]:
    """Uploads, jobs and connections."""
    yield gauge("chitram_uploads_in_progress", "Uploads being received now.", (), {(): now.uploads_in_progress})
    yield gauge("chitram_uploads_limit", "Uploads that this process receives at once.", (), {(): now.uploads_limit})
    owed, dead, overdue = ({(kind,): row[column] for kind, row in now.jobs.items()} for column in range(3))
    text = "Jobs that wait or are being done, as the database has them: the same in every process."
    yield gauge("chitram_jobs_queue_depth", text, ("kind",), owed)
    yield gauge("chitram_jobs_dead", "Jobs given up for good, as the database has them.", ("kind",), dead)
    text = "For how long a job has been waiting that anybody may take; above a few seconds nobody does, or too few."
    yield gauge("chitram_jobs_overdue_seconds", text, ("kind",), overdue)
    in_use, limit = now.pool
    yield gauge("chitram_db_pool_in_use", "Database connections in use by this process.", (), {(): in_use})
    yield gauge("chitram_db_pool_limit", "Database connections that this process may open.", (), {(): limit})


def _expected(now: Gauges) -> dict[tuple[str], float]:
    """By weight, among the nodes that own anything."""
    total = sum(node.weight for node in now.nodes if node.share)
    return {(node.name,): node.weight / total if node.share else 0.0 for node in now.nodes}

"""What one part tells, in the words of another: the ring's status as health, as gauges, as an administrator sees it."""

from collections.abc import Callable
from dataclasses import replace

from chitram.adapters.database import Database
from chitram.metrics import Gauges, Metrics, NodeGauge, Work
from chitram.services.health import NodeHealth
from chitram.services.job_census import JobCensus
from chitram.services.job_worker import Finished
from chitram.services.ring_ports import LiveNode, NodeCounts
from chitram.services.thumbnails import THUMBNAILS
from chitram.services.uploads import Uploads
from ring import RingCache, Status


def node_health(status: Status) -> list[NodeHealth]:
    """For the health check."""
    return [NodeHealth(node.name, node.state, node.trusted) for node in status.nodes]


def live_nodes(status: Status) -> list[LiveNode]:
    """For the ring page and its twin."""
    return [
        LiveNode(n.name, n.address, n.state, n.trusted, n.verified_age, n.lag, n.cause, n.median_latency)
        for n in status.nodes
    ]


def node_counts(metrics: Metrics) -> dict[str, NodeCounts]:
    """What this process has seen of each node."""
    return {
        name: NodeCounts(seen.hits, seen.misses, seen.errors + seen.timeouts, seen.p99)
        for name, seen in metrics.node_figures().items()
    }


def noting(work: Work) -> Callable[[Finished], None]:
    """For whoever does jobs: record each attempt."""

    def note(job: Finished) -> None:
        work.job(job.kind, job.result, job.seconds)
        if job.kind == THUMBNAILS and job.result == "done":
            work.thumbnails_ready(job.since_owed)

    return note


def gauges(cache: RingCache, uploads: Uploads, census: JobCensus, database: Database) -> Gauges:
    """What a scrape reads rather than counts."""
    return replace(
        worker_gauges(cache, census, database),
        uploads_in_progress=uploads.active,
        uploads_limit=uploads.limits.concurrency,
    )


def worker_gauges(cache: RingCache, census: JobCensus, database: Database) -> Gauges:
    """The same of a process that takes no uploads."""
    status, jobs = cache.status(), census.last
    return Gauges(
        ring_version=status.version,
        ring_hash=status.ring_hash,
        vnodes=status.vnodes,
        imbalance=status.imbalance,
        nodes=[
            NodeGauge(n.name, n.state, n.trusted, n.ownership, n.lag, n.verified_age, n.weight) for n in status.nodes
        ],
        jobs={THUMBNAILS: (jobs.owed, jobs.dead, jobs.overdue)} if jobs else {},
        pool=(database.in_use, database.limit),
    )

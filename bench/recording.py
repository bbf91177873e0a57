"""What recording one hit costs: a request and an operation on a node, against prometheus-client's own metrics.

.venv/bin/python -m bench.recording
"""

import timeit
from collections.abc import Callable
from time import process_time

from prometheus_client import CollectorRegistry, Counter, Histogram

from chitram.metrics import Metrics, NullMetrics
from chitram.metrics.operations import BOUNDS as NODE_BOUNDS
from chitram.metrics.requests import BOUNDS as HTTP_BOUNDS

ROUNDS = 7
CALLS = 100_000
ROUTE = "/api/v1/images/{id}"


def ours(metrics: Metrics) -> Callable[[], None]:
    """As the middleware and the ring do it."""
    http, op = metrics.http, metrics.op

    def hit() -> None:
        op("b", "get", "hit", 0.0007)
        http("GET", ROUTE, 200, 0.0013)

    return hit


def theirs() -> Callable[[], None]:
    """`labels().inc()` and `labels().observe()`, twice."""
    registry = CollectorRegistry()
    requests = Counter("http_requests", "x", ("method", "route", "status"), registry=registry)
    durations = Histogram("http_seconds", "x", ("method", "route"), buckets=HTTP_BOUNDS, registry=registry)
    ops = Counter("ops", "x", ("node", "op", "result"), registry=registry)
    times = Histogram("op_seconds", "x", ("node", "op"), buckets=NODE_BOUNDS, registry=registry)

    def hit() -> None:
        ops.labels("b", "get", "hit").inc()
        times.labels("b", "get").observe(0.0007)
        requests.labels("GET", ROUTE, "200").inc()
        durations.labels("GET", ROUTE).observe(0.0013)

    return hit


def nanoseconds(hit: Callable[[], None]) -> float:
    """Of CPU time: the best of some rounds, less what an empty function takes."""
    best, empty = (min(timeit.repeat(f, timer=process_time, number=CALLS, repeat=ROUNDS)) for f in (hit, lambda: None))
    return (best - empty) / CALLS * 1e9


def main() -> None:
    """Print the table."""
    rows = {
        "prometheus-client: `labels().inc()`, `labels().observe()`": theirs(),
        "`Metrics`": ours(Metrics(version="1")),
        "`NullMetrics` (`METRICS_ENABLED=false`)": ours(NullMetrics()),
    }
    measured = {name: nanoseconds(hit) for name, hit in rows.items()}
    slowest = max(measured.values())
    print("| recording one hit | ns of CPU | |\n|---|---|---|")
    for name, cost in measured.items():
        print(f"| {name} | {cost:.0f} | {slowest / cost:.1f} × |")


if __name__ == "__main__":
    main()

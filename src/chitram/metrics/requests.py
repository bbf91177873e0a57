"""HTTP requests: recorded once for each, on the path of a hit."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable

from prometheus_client.core import Metric

from chitram.metrics.families import Histogram, counter, histogram

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS"})


class _Cell:
    """One method and route."""

    __slots__ = ("durations", "statuses")

    def __init__(self) -> None:
        self.durations = Histogram(BOUNDS)
        self.statuses: dict[int, int] = defaultdict(int)


class Requests:
    """Counts and times by method and route."""

    def __init__(self) -> None:
        self._cells: dict[tuple[str, str], _Cell] = {}

    def record(self, method: str, route: str, status: int, seconds: float) -> None:
        """One answered request. Written out rather than composed: two calls are half of its cost."""
        try:
            cell = self._cells[method, route]
        except KeyError:
            cell = self._new(method, route)
        cell.statuses[status] += 1
        durations = cell.durations
        durations.counts[bisect_left(BOUNDS, seconds)] += 1
        durations.total += seconds

    def _new(self, method: str, route: str) -> _Cell:
        # Whatever word a client sends as its method must not become a label, nor a key that stays.
        return self._cells.setdefault((method if method in METHODS else "OTHER", route), _Cell())

    def collect(self) -> Iterable[Metric]:
        """For a scrape."""
        counts = {
            (method, route, str(status)): count
            for (method, route), cell in self._cells.items()
            for status, count in cell.statuses.items()
        }
        text = "Requests answered, by method, pattern of the route and status; 499 is a client that went away."
        yield counter("chitram_http_requests", text, ("method", "route", "status"), counts)
        text = "Time from a request's headers until its answer is ready, or sent if it is streamed."
        times = {labels: cell.durations for labels, cell in self._cells.items()}
        yield histogram("chitram_http_request_duration_seconds", text, ("method", "route"), times)

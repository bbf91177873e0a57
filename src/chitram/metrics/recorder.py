"""The one object that everything is told to."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from chitram.metrics.families import gauge, info
from chitram.metrics.gauges import Gauges, work_gauges
from chitram.metrics.operations import NodeFigures, Operations
from chitram.metrics.requests import Requests
from chitram.metrics.work import Work
from ring.events import Event


class Metrics:
    """Counts what happens; the ring's observer among other things. Times in seconds, sizes in bytes."""

    def __init__(self, *, version: str) -> None:
        self.in_flight = 0
        self.gauges: Callable[[], Gauges] = Gauges
        self.work = Work()
        self._version = version
        self._requests = Requests()
        self._operations = Operations(self.now)
        # Bound once: what is called for every request should not be passed on by a call of its own.
        self.http: Callable[[str, str, int, float], None] = self._requests.record
        self.op: Callable[[str, str, str, float], None] = self._operations.record
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(self)

    def event(self, event: Event) -> None:
        """A rare event of the ring."""
        self._operations.event(event)

    def node_figures(self) -> Mapping[str, NodeFigures]:
        """What this process has seen of each node since its start."""
        return self._operations.figures()

    def expose(self) -> tuple[bytes, str]:
        """The text format and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    def now(self) -> Gauges:
        """What is read rather than counted."""
        return self.gauges()

    def collect(self) -> Iterable[Metric]:
        """Called by the registry at a scrape."""
        now = self.now()
        yield info("chitram_build", "The version that runs.", {"version": self._version})
        yield from self._requests.collect()
        yield gauge("chitram_http_in_flight", "Requests being answered now.", (), {(): self.in_flight})
        yield from self.work.collect()
        yield from work_gauges(now)
        yield from self._operations.collect(now)

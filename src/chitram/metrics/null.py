"""No metrics: everything may be told, nothing is kept."""

from chitram.metrics.recorder import Metrics
from chitram.metrics.work import Work
from chitram.services.housekeeping import Swept
from ring.events import Event


class NullMetrics(Metrics):
    """Keeps only ``in_flight``, by which a shutdown waits for the requests that are under way."""

    def __init__(self) -> None:
        super().__init__(version="")
        self.http = self.op = _ignore
        self.work = NullWork()

    def event(self, event: Event) -> None:
        """Ignore a rare event."""


class NullWork(Work):
    """Ignores all of it."""

    def upload(self, result: str, size: int | None = None) -> None:
        """Ignore an upload."""

    def upload_waited(self, seconds: float) -> None:
        """Ignore a wait."""

    def job(self, kind: str, result: str, seconds: float) -> None:
        """Ignore a job."""

    def thumbnails_ready(self, seconds: float) -> None:
        """Ignore a wait."""

    def storage(self, operation: str, result: str, seconds: float) -> None:
        """Ignore an operation."""

    def transferred(self, direction: str, size: int) -> None:
        """Ignore bytes."""

    def swept(self, swept: Swept) -> None:
        """Ignore a sweep."""

    def space(self, free: int, size: int) -> None:
        """Ignore how full the storage is."""

    def pool_waited(self, seconds: float) -> None:
        """Ignore a wait."""

    def login(self, result: str) -> None:
        """Ignore a sign-in."""

    def loop_lag(self, seconds: float) -> None:
        """Ignore a late turn."""


def _ignore(*_: object) -> None:
    """Ignore anything."""

"""The storage: what it is asked, what lies in it, how much room is left."""

import time
from collections.abc import Iterable

from prometheus_client.core import Metric

from chitram.metrics.families import Counts, Distribution, gauge
from chitram.services.housekeeping import Swept

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class StorageWork:
    """Operations as they happen; what is stored, as of the last sweep."""

    def __init__(self) -> None:
        self._operations = Distribution(
            "chitram_storage_operation_duration_seconds",
            "Time of storage operations, by result: ok, missing, aborted or error.",
            ("operation", "result"),
            bounds=BOUNDS,
        )
        self.bytes = Counts(
            "chitram_storage_transferred_bytes",
            "Bytes of pictures and thumbnails read from the storage and written to it.",
            ("direction",),
            known=[("read",), ("written",)],
        )
        self._removed = Counts("chitram_storage_orphans_removed", "Files without a picture that sweeps took away.")
        self._swept: Swept | None = None
        self._swept_at = 0.0
        self.space: tuple[int, int] | None = None

    def operation(self, operation: str, result: str, seconds: float) -> None:
        """An operation ended."""
        self._operations.observe(seconds, operation, result)

    def swept(self, swept: Swept) -> None:
        """The storage was walked through."""
        self._swept, self._swept_at = swept, time.time()
        self._removed.add(by=swept.orphans)

    def collect(self) -> Iterable[Metric]:
        """For a scrape. What was not looked at yet has no value rather than 0."""
        yield self._operations.metric()
        yield self.bytes.metric()
        yield self._removed.metric()
        stored = self._swept.stored if self._swept else {}
        objects = {(kind,): part.objects for kind, part in stored.items()}
        sizes = {(kind,): part.size for kind, part in stored.items()}
        yield gauge("chitram_storage_objects", "Files stored, at the last sweep (hourly).", ("kind",), objects)
        yield gauge("chitram_storage_bytes", "Bytes stored, at the last sweep (hourly).", ("kind",), sizes)
        left = {(): self._swept.left} if self._swept else {}
        text = "Files without a picture that the last sweep left, being too many to be a crash's."
        yield gauge("chitram_storage_orphans", text, (), left)
        swept_at = {(): self._swept_at} if self._swept else {}
        yield gauge("chitram_storage_swept_timestamp_seconds", "When the last sweep ended.", (), swept_at)
        free, size = ({(): self.space[0]}, {(): self.space[1]}) if self.space else ({}, {})
        yield gauge("chitram_storage_free_bytes", "Room that is left; absent where there is no limit.", (), free)
        yield gauge("chitram_storage_size_bytes", "Room in all; absent where there is no limit.", (), size)

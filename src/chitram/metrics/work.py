"""What the service does besides answering reads: uploads, jobs, storage, database, sign-ins, the event loop."""

from collections.abc import Iterable

from prometheus_client.core import Metric

from chitram.metrics.families import Counts, Distribution
from chitram.metrics.storage import StorageWork
from chitram.services.housekeeping import Swept

_KIB, _MIB = 1024, 1024 * 1024
SIZES = (64 * _KIB, 256 * _KIB, _MIB, 2 * _MIB, 5 * _MIB, 10 * _MIB, 25 * _MIB, 50 * _MIB, 100 * _MIB)
WAITS = (0.001, 0.005, 0.025, 0.1, 0.5, 1.0, 5.0, 15.0, 30.0)
JOBS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
LAGS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
UPLOADS = (
    "created",
    "duplicate",
    "aborted",
    "IMAGE_TOO_MANY_PIXELS",
    "FILE_TOO_LARGE",
    "INVALID_FILE_FORMAT",
    "QUOTA_EXCEEDED",
)
JOB_RESULTS = ("done", "failed", "deferred")
LOGINS = ("ok", "wrong", "inactive")


class Work:
    """Told by the services and adapters, through the functions that the composition root gives them."""

    def __init__(self) -> None:
        self._uploads = Counts(
            "chitram_uploads",
            "Uploads ended, by result: created, duplicate, aborted (the client went away), or the error's code.",
            ("result",),
            known=((name,) for name in UPLOADS),
        )
        self._sizes = Distribution("chitram_upload_bytes", "Sizes of the pictures taken in.", bounds=SIZES)
        self._places = Distribution(
            "chitram_upload_wait_seconds", "How long uploads waited for a place, refused ones too.", bounds=WAITS
        )
        self._jobs = Counts(
            "chitram_jobs",
            "Background jobs ended, by result: done, failed (given up for good), deferred (to be tried again).",
            ("kind", "result"),
            known=(("thumbnails", result) for result in JOB_RESULTS),
        )
        self._job_times = Distribution(
            "chitram_jobs_duration_seconds", "Time that a job took.", ("kind",), bounds=JOBS, known=[("thumbnails",)]
        )
        self._ready = Distribution(
            "chitram_thumbnail_ready_seconds",
            "From an upload until its thumbnails were there, as whoever made them knows.",
            bounds=JOBS,
        )
        self._logins = Counts(
            "chitram_logins",
            "Attempts to sign in: ok, wrong (address or password), inactive (a disabled account).",
            ("result",),
            known=((name,) for name in LOGINS),
        )
        self._pool = Distribution(
            "chitram_db_pool_wait_seconds",
            "How long statements waited for a connection; on SQLite also for the writer's turn.",
            bounds=WAITS,
        )
        self._lag = Distribution(
            "chitram_event_loop_lag_seconds", "How late the event loop woke up a task, sampled.", bounds=LAGS
        )
        self._storage = StorageWork()

    def upload(self, result: str, size: int | None = None) -> None:
        """One upload ended: ``created``, ``duplicate``, ``aborted`` or the code of its error. *size* if it was kept."""
        self._uploads.add(result)
        if size is not None:
            self._sizes.observe(size)

    def upload_waited(self, seconds: float) -> None:
        """An upload got its place, or gave up."""
        self._places.observe(seconds)

    def job(self, kind: str, result: str, seconds: float) -> None:
        """A job ended: ``done``, ``failed`` or ``deferred``."""
        self._jobs.add(kind, result)
        self._job_times.observe(seconds, kind)

    def thumbnails_ready(self, seconds: float) -> None:
        """So long after they became owed the thumbnails of a picture are there."""
        self._ready.observe(seconds)

    def storage(self, operation: str, result: str, seconds: float) -> None:
        """A storage operation ended: ``ok``, ``missing``, ``aborted`` or ``error``."""
        self._storage.operation(operation, result, seconds)

    def transferred(self, direction: str, size: int) -> None:
        """So many bytes were ``read`` or ``written``."""
        self._storage.bytes.add(direction, by=size)

    def swept(self, swept: Swept) -> None:
        """The storage was walked through."""
        self._storage.swept(swept)

    def space(self, free: int, size: int) -> None:
        """How much room the storage has, in bytes."""
        self._storage.space = (free, size)

    def pool_waited(self, seconds: float) -> None:
        """Somebody got a connection, or gave up."""
        self._pool.observe(seconds)

    def login(self, result: str) -> None:
        """Somebody tried to sign in: ``ok``, ``wrong`` or ``inactive``."""
        self._logins.add(result)

    def loop_lag(self, seconds: float) -> None:
        """The event loop was so late."""
        self._lag.observe(seconds)

    def collect(self) -> Iterable[Metric]:
        """For a scrape."""
        counts = (self._uploads, self._jobs, self._logins)
        times = (self._sizes, self._places, self._job_times, self._ready, self._pool, self._lag)
        for family in (*counts, *times):
            yield family.metric()
        yield from self._storage.collect()

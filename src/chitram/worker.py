"""The composition root of `chitram worker`: a process that does the jobs which services queue, and answers no requests.

It writes what is cached, so it has a ring of its own and acknowledges like any writer.
"""

from importlib.metadata import version

from aiohttp import web

from chitram.adapters.blobs_measured import MeasuredStorage
from chitram.adapters.database import Database
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.jobs_sql import SqlJobs
from chitram.adapters.pillow import PillowPictures
from chitram.adapters.ring_cache import CachedImages
from chitram.adapters.ring_log import LoggedRing
from chitram.handlers.middlewares import observed
from chitram.handlers.present import image_body
from chitram.handlers.routes import process_routes
from chitram.keys import HEALTH, METRICS
from chitram.lifespan import (
    background_context,
    closing_context,
    database_context,
    drain_context,
    measuring,
    ring_context,
    storage_context,
)
from chitram.metrics import Metrics, NullMetrics
from chitram.parts import blob_storage, configured_members, job_worker, tracing_of
from chitram.redaction import Redaction
from chitram.services.health import Health
from chitram.services.job_census import JobCensus
from chitram.services.thumbnails import Thumbnailer
from chitram.settings import Settings
from chitram.translation import node_health, noting, worker_gauges
from ring import RingCache

LOG_CONNECTIONS = 3
"""Of its own for the invalidation log, as in the service."""


def create_worker(settings: Settings, *, concurrency: int) -> web.Application:
    """Wire a process that does *concurrency* jobs at a time. Its routes are its probes and metrics alone.

    Raises :class:`SettingsError`. Nothing is connected before the application starts.
    """
    tracing = tracing_of(settings)
    metrics = Metrics(version=version("chitram")) if settings.metrics_enabled else NullMetrics()
    work = metrics.work
    database = Database(
        settings.database_url,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        recycle=settings.db_pool_recycle,
        waited=work.pool_waited,
    )
    log_lane = database.lane(LOG_CONNECTIONS)
    tracing.statements(database.engine)
    tracing.statements(log_lane.engine)
    invalidations = SqlInvalidationLog(log_lane)
    configured = configured_members(settings)
    cache = RingCache(
        configured,
        invalidations,
        prefix=settings.cache_key_prefix,
        ttl=settings.cache_ttl_seconds,
        observer=tracing.observer(LoggedRing(metrics)),
        connect=tracing.connect,
    )
    blobs = blob_storage(settings)
    storage = tracing.storage(MeasuredStorage(blobs, work))
    pictures = PillowPictures(max_pixels=settings.max_pixels, concurrency=concurrency)
    images = CachedImages(SqlImages(database, image_body), cache)
    queue, thumbnailer = SqlJobs(database), Thumbnailer(images=images, storage=storage, pictures=pictures)
    census = JobCensus(queue, thumbnailer.kind)
    redact = Redaction(settings.secrets)
    jobs = job_worker(
        queue, thumbnailer, concurrency=concurrency, finished=noting(work), around=tracing.job, redact=redact
    )
    health = Health(database=database.ping, storage=storage.check, nodes=lambda: node_health(cache.status()))

    app = web.Application()
    app[METRICS], app[HEALTH] = metrics, health
    metrics.gauges = lambda: worker_gauges(cache, census, database)
    app.add_routes(observed(process_routes(metrics=settings.metrics_enabled), metrics, health))
    app.cleanup_ctx.extend(
        [
            *tracing.contexts,
            database_context(database),
            storage_context(blobs),
            closing_context(pictures.close),
            ring_context(cache, invalidations, configured, sole=False),
            background_context(*jobs.loops, census.watch, *measuring(storage, work)),
            drain_context(health),
        ]
    )
    return app

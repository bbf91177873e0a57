"""The composition root of `chitram worker`: a process that does the jobs which services queue, and answers no requests.

It writes what is cached, so it has a ring of its own and acknowledges like any writer.
"""

from aiohttp import web

from chitram.adapters.images_sql import SqlImages
from chitram.adapters.jobs_sql import SqlJobs
from chitram.adapters.pillow import PillowPictures
from chitram.adapters.ring_cache import CachedImages
from chitram.backends import Backends
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
from chitram.parts import job_worker
from chitram.redaction import Redaction
from chitram.services.job_census import JobCensus
from chitram.services.thumbnails import Thumbnailer
from chitram.settings import Settings
from chitram.translation import noting, worker_gauges


def create_worker(settings: Settings, *, concurrency: int) -> web.Application:
    """Wire a process that does *concurrency* jobs at a time. Its routes are its probes and metrics alone.

    Raises :class:`SettingsError`. Nothing is connected before the application starts.
    """
    its = Backends.of(settings)
    metrics, database, cache, storage = its.metrics, its.database, its.cache, its.storage
    pictures = PillowPictures(max_pixels=settings.max_pixels, concurrency=concurrency)
    images = CachedImages(SqlImages(database, image_body), cache)
    queue, thumbnailer = SqlJobs(database), Thumbnailer(images=images, storage=storage, pictures=pictures)
    census = JobCensus(queue, thumbnailer.kind)
    jobs = job_worker(
        queue,
        thumbnailer,
        concurrency=concurrency,
        finished=noting(metrics.work),
        around=its.tracing.job,
        redact=Redaction(settings.secrets),
    )
    health = its.health()

    app = web.Application()
    app[METRICS], app[HEALTH] = metrics, health
    metrics.gauges = lambda: worker_gauges(cache, census, database)
    app.add_routes(observed(process_routes(metrics=settings.metrics_enabled), metrics, health))
    app.cleanup_ctx.extend(
        [
            *its.tracing.contexts,
            database_context(database),
            storage_context(its.blobs),
            closing_context(pictures.close),
            ring_context(cache, its.invalidations, its.configured, sole=False),
            background_context(*jobs.loops, census.watch, *measuring(storage, metrics.work)),
            drain_context(health),
        ]
    )
    return app

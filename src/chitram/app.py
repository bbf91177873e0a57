"""The composition root: the only module that knows all others, and what they are made of."""

from datetime import timedelta
from importlib.metadata import version

import orjson
from aiohttp import web

from chitram.adapters.api_keys_sql import SqlApiKeys
from chitram.adapters.blobs_measured import MeasuredStorage
from chitram.adapters.cache_entries import RingEntries
from chitram.adapters.database import Database
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.jobs_sql import SqlJobs
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.adapters.node_vitals import NodeVitals
from chitram.adapters.passwords import Argon2Passwords
from chitram.adapters.pillow import PillowPictures
from chitram.adapters.quotas_sql import SqlQuotas
from chitram.adapters.ring_cache import CachedImages
from chitram.adapters.ring_events import Observers, RecentEvents
from chitram.adapters.ring_log import LoggedRing
from chitram.adapters.ring_map import DrawnRings
from chitram.adapters.tokens import JwtTokens
from chitram.adapters.users_sql import SqlUsers
from chitram.embedded.chaos import NoChaos
from chitram.handlers.middlewares import observed
from chitram.handlers.openapi.document import describe
from chitram.handlers.pages import page_routes, setup_pages
from chitram.handlers.present import image_body
from chitram.handlers.routes import api_routes, description_routes, probe_routes
from chitram.keys import (
    ACCOUNTS,
    API_KEYS,
    DESCRIPTION,
    EXPORTS,
    GALLERY,
    HEALTH,
    METRICS,
    QUOTAS,
    RING_ADMIN,
    SITE,
    UPLOADS,
    Site,
)
from chitram.lifespan import (
    background_context,
    closing_context,
    database_context,
    drain_context,
    measuring,
    pruning,
    ring_context,
    settling_context,
    storage_context,
    sweeping,
)
from chitram.metrics import Metrics, NullMetrics
from chitram.parts import blob_storage, configured_members, exports_of, job_worker, tracing_of, upload_limits
from chitram.redaction import Redaction
from chitram.services.accounts import Accounts
from chitram.services.api_keys import ApiKeys
from chitram.services.gallery import Gallery
from chitram.services.health import Health
from chitram.services.housekeeping import Housekeeping
from chitram.services.job_census import JobCensus
from chitram.services.job_worker import DoneElsewhere, Jobs
from chitram.services.ring_admin import RingAdmin
from chitram.services.ring_ports import Chaos
from chitram.services.ring_traffic import RecentTraffic, UncountedTraffic
from chitram.services.ring_vitals import RecentVitals
from chitram.services.thumbnails import Thumbnailer
from chitram.services.uploads import Uploads
from chitram.settings import Settings
from chitram.translation import gauges, live_nodes, node_counts, node_health, noting
from ring import RingCache

LOG_CONNECTIONS = 3
"""Of its own for the invalidation log: without news from it nodes are no longer believed, and everybody would read the
database that is too busy already."""
MAX_BODY = 64 * 1024
"""In bytes, for every request but uploads, which stream."""


def create_app(settings: Settings, *, sole: bool = False, chaos: Chaos | None = None) -> web.Application:
    """Wire everything. *sole* says that this process alone uses the database, the storage and the nodes. *chaos* may
    break the nodes that are this process' own; in production nobody may.

    Raises :class:`SettingsError` for nodes that cannot be parsed. Nothing is connected before the application starts.
    """
    tracing = tracing_of(settings)
    app = web.Application(middlewares=tracing.middlewares, client_max_size=MAX_BODY)
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
    ttl = settings.cache_ttl_seconds
    prefix, events = settings.cache_key_prefix, RecentEvents()
    cache = RingCache(
        configured,
        invalidations,
        prefix=prefix,
        ttl=ttl,
        observer=tracing.observer(Observers(LoggedRing(metrics), events)),
        connect=tracing.connect,
    )
    quotas = SqlQuotas(database, settings.user_quota_bytes)
    images = CachedImages(SqlImages(database, image_body, quotas.require_room), cache)
    users = SqlUsers(database)
    blobs = blob_storage(settings)
    storage = tracing.storage(MeasuredStorage(blobs, work))
    pictures = PillowPictures(max_pixels=settings.max_pixels)
    passwords = Argon2Passwords()
    lifetime = timedelta(minutes=settings.jwt_expire_minutes)
    tokens = JwtTokens(settings.jwt_secret_key.get_secret_value(), lifetime=lifetime)
    queue, thumbnailer = SqlJobs(database), Thumbnailer(images=images, storage=storage, pictures=pictures)
    census = JobCensus(queue, thumbnailer.kind)
    jobs: Jobs = DoneElsewhere()
    redact = Redaction(settings.secrets)
    if settings.jobs == "inline":
        jobs = job_worker(queue, thumbnailer, concurrency=1, finished=noting(work), around=tracing.job, redact=redact)
    uploads = Uploads(
        images=images,
        storage=storage,
        pictures=pictures,
        quotas=quotas,
        limits=upload_limits(settings),
        owed=jobs.owe,
        waited=work.upload_waited,
    )
    health = Health(database=database.ping, storage=storage.check, nodes=lambda: node_health(cache.status()))

    app[METRICS] = metrics
    app[GALLERY] = Gallery(images=images, storage=storage)
    app[UPLOADS] = uploads
    app[ACCOUNTS] = Accounts(users=users, passwords=passwords, tokens=tokens, tried=work.login)
    app[API_KEYS] = api_keys = ApiKeys(SqlApiKeys(database))
    app[QUOTAS] = quotas
    exports = app[EXPORTS] = exports_of(settings, database, storage)
    app[HEALTH] = health
    traffic = RecentTraffic(lambda: node_counts(metrics)) if settings.metrics_enabled else UncountedTraffic()
    app[RING_ADMIN] = RingAdmin(
        sets=SqlNodeSets(database),
        live=lambda: live_nodes(cache.status()),
        maps=DrawnRings(),
        vitals=RecentVitals(NodeVitals(prefix)),
        traffic=traffic,
        entries=RingEntries(invalidations, cache, prefix=prefix),
        events=events,
        chaos=chaos if chaos and settings.app_env == "development" else NoChaos(),
    )
    app[SITE] = Site(settings.app_env == "production", int(lifetime.total_seconds()), version("chitram"))
    metrics.gauges = lambda: gauges(cache, uploads, census, database)

    app[DESCRIPTION] = describe_app(settings)
    routes = [*_described_routes(settings), *description_routes(), *page_routes()]
    app.add_routes(observed(routes, metrics, health))
    setup_pages(app)
    housekeeping = Housekeeping(images=images, storage=storage)
    app.cleanup_ctx.extend(
        [
            *tracing.contexts,
            database_context(database),
            storage_context(blobs),
            closing_context(pictures.close, passwords.close),
            settling_context(exports.settled),
            ring_context(cache, invalidations, configured, sole=sole),
            background_context(
                *jobs.loops,
                census.watch,
                sweeping(housekeeping, work.swept, sole=sole),
                pruning(invalidations, users, timedelta(seconds=ttl)),
                *measuring(storage, work),
                traffic.watch,
                api_keys.record_uses,
            ),
            drain_context(health),
        ]
    )
    return app


def create_probe_app(app: web.Application, *, metrics: bool) -> web.Application:
    """The probes of *app*, and its metrics if wanted, for a port of their own: behind a port that processes share, or a
    proxy, nobody could say which process answered.
    """
    probes = web.Application(client_max_size=MAX_BODY)
    probes[METRICS], probes[HEALTH] = app[METRICS], app[HEALTH]
    probes[UPLOADS], probes[ACCOUNTS], probes[SITE] = app[UPLOADS], app[ACCOUNTS], app[SITE]
    probes[API_KEYS] = app[API_KEYS]
    probes.add_routes(observed(probe_routes(metrics=metrics), app[METRICS], app[HEALTH]))
    return probes


def describe_app(settings: Settings) -> bytes:
    """The OpenAPI document of what these settings switch on. Connects to nothing."""
    described = describe(_described_routes(settings), version=version("chitram"), limits=upload_limits(settings))
    return orjson.dumps(described)


def _described_routes(settings: Settings) -> list[web.RouteDef]:
    metrics = settings.metrics_enabled and not settings.metrics_port
    return [*api_routes(), *probe_routes(metrics=metrics)]

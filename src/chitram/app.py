"""The composition root: the only module that knows all others, and what they are made of."""

from collections.abc import Callable
from datetime import timedelta
from importlib.metadata import version

from aiohttp import web

from chitram.adapters.blobs_disk import DiskStorage
from chitram.adapters.blobs_measured import MeasuredStorage
from chitram.adapters.cache_entries import RingEntries
from chitram.adapters.database import Database
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.adapters.node_vitals import NodeVitals
from chitram.adapters.passwords import Argon2Passwords
from chitram.adapters.pillow import PillowPictures
from chitram.adapters.ring_cache import CachedImages
from chitram.adapters.ring_events import Observers, RecentEvents
from chitram.adapters.ring_log import LoggedRing
from chitram.adapters.ring_map import DrawnRings
from chitram.adapters.tokens import JwtTokens
from chitram.adapters.users_sql import SqlUsers
from chitram.embedded.chaos import NoChaos
from chitram.handlers.middlewares import observed
from chitram.handlers.pages import page_routes, setup_pages
from chitram.handlers.present import image_body
from chitram.handlers.routes import api_routes, probe_routes
from chitram.keys import ACCOUNTS, GALLERY, HEALTH, METRICS, RING_ADMIN, SITE, UPLOADS, Site
from chitram.lifespan import (
    background_context,
    closing_context,
    database_context,
    drain_context,
    measuring,
    pruning,
    ring_context,
    storage_context,
    sweeping,
)
from chitram.metrics import Gauges, Metrics, NodeGauge, NullMetrics, Work
from chitram.services.accounts import Accounts
from chitram.services.gallery import Gallery
from chitram.services.health import Health, NodeHealth
from chitram.services.housekeeping import Housekeeping
from chitram.services.ports import ConnectedStorage
from chitram.services.ring_admin import RingAdmin
from chitram.services.ring_ports import Chaos, LiveNode, NodeCounts
from chitram.services.ring_traffic import RecentTraffic, UncountedTraffic
from chitram.services.ring_vitals import RecentVitals
from chitram.services.thumbnails import Finished, Thumbnailer
from chitram.services.uploads import UploadLimits, Uploads
from chitram.settings import Settings, SettingsError
from chitram.tracing import Tracing, Untraced
from ring import Membership, RingCache, Status

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
    tracing = _tracing(settings)
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
    configured = _membership(settings)
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
    images = CachedImages(SqlImages(database, image_body), cache)
    users = SqlUsers(database)
    blobs = blob_storage(settings)
    storage = tracing.storage(MeasuredStorage(blobs, work))
    pictures = PillowPictures(max_pixels=settings.max_pixels)
    passwords = Argon2Passwords()
    lifetime = timedelta(minutes=settings.jwt_expire_minutes)
    tokens = JwtTokens(settings.jwt_secret_key.get_secret_value(), lifetime=lifetime)
    thumbnailer = Thumbnailer(
        images=images,
        storage=storage,
        pictures=pictures,
        finished=_noting(work),
        around=lambda: tracing.job("thumbnails"),
    )
    uploads = Uploads(
        images=images,
        storage=storage,
        pictures=pictures,
        limits=_limits(settings),
        owed=thumbnailer.owe,
        waited=work.upload_waited,
    )
    health = Health(database=database.ping, storage=storage.check, nodes=lambda: _node_health(cache.status()))

    app[METRICS] = metrics
    app[GALLERY] = Gallery(images=images, storage=storage)
    app[UPLOADS] = uploads
    app[ACCOUNTS] = Accounts(users=users, passwords=passwords, tokens=tokens, tried=work.login)
    app[HEALTH] = health
    traffic = RecentTraffic(lambda: _node_counts(metrics)) if settings.metrics_enabled else UncountedTraffic()
    app[RING_ADMIN] = RingAdmin(
        sets=SqlNodeSets(database),
        live=lambda: _live_nodes(cache.status()),
        maps=DrawnRings(),
        vitals=RecentVitals(NodeVitals(prefix)),
        traffic=traffic,
        entries=RingEntries(invalidations, cache, prefix=prefix),
        events=events,
        chaos=chaos if chaos and settings.app_env == "development" else NoChaos(),
    )
    app[SITE] = Site(settings.app_env == "production", int(lifetime.total_seconds()), version("chitram"))
    metrics.gauges = lambda: _gauges(cache, uploads, thumbnailer, database)

    routes = [*api_routes(), *probe_routes(metrics=_metrics_here(settings)), *page_routes()]
    app.add_routes(observed(routes, metrics, health))
    setup_pages(app)
    housekeeping = Housekeeping(images=images, storage=storage)
    app.cleanup_ctx.extend(
        [
            *tracing.contexts,
            database_context(database),
            storage_context(blobs),
            closing_context(pictures.close, passwords.close),
            ring_context(cache, invalidations, configured, sole=sole),
            background_context(
                thumbnailer.work,
                thumbnailer.catch_up,
                sweeping(housekeeping, work.swept, sole=sole),
                pruning(invalidations, users, timedelta(seconds=ttl)),
                *measuring(storage, work),
                traffic.watch,
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
    probes.add_routes(observed(probe_routes(metrics=metrics), app[METRICS], app[HEALTH]))
    return probes


def blob_storage(settings: Settings) -> ConnectedStorage:
    """The storage that the settings name, to be used inside its ``connected()``. Raises :class:`SettingsError`."""
    if settings.storage_backend == "local":
        return DiskStorage(settings.local_storage_path)
    # Whoever keeps pictures on a disk need not load a library for this.
    from chitram.adapters.blobs_s3 import S3Storage  # noqa: PLC0415  see above
    from chitram.adapters.s3_bucket import S3Bucket, S3Place  # noqa: PLC0415  see above
    from chitram.adapters.staging import default_folder  # noqa: PLC0415  see above

    place = S3Place(
        endpoint=settings.minio_endpoint,
        access_key=settings.minio_access_key.get_secret_value(),
        secret_key=settings.minio_secret_key.get_secret_value(),
        bucket=settings.minio_bucket,
        secure=settings.minio_secure,
        region=settings.minio_region,
    )
    try:
        return S3Storage(S3Bucket(place), settings.staging_path or default_folder())
    except ValueError as error:
        raise SettingsError(f"MINIO_ENDPOINT or MINIO_BUCKET: {error}") from None


def _metrics_here(settings: Settings) -> bool:
    return settings.metrics_enabled and not settings.metrics_port


def _tracing(settings: Settings) -> Tracing:
    if not settings.otel_exporter_otlp_endpoint:
        return Untraced()
    from chitram.tracing.traced import Traced  # noqa: PLC0415  whoever wants no traces need not load a library for them

    return Traced(settings.otel_exporter_otlp_endpoint, version("chitram"))


def _membership(settings: Settings) -> Membership:
    try:
        return Membership.of(settings.node_list, settings.cache_virtual_nodes)
    except ValueError as error:
        raise SettingsError(f"REDIS_NODES: {error}") from None


def _limits(settings: Settings) -> UploadLimits:
    return UploadLimits(
        max_bytes=settings.max_file_bytes,
        allowed_types=settings.allowed_content_types,
        anonymous=settings.allow_anonymous_uploads,
        concurrency=settings.upload_concurrency_limit,
        wait=settings.upload_concurrency_timeout,
    )


def _node_health(status: Status) -> list[NodeHealth]:
    return [NodeHealth(node.name, node.state, node.trusted) for node in status.nodes]


def _live_nodes(status: Status) -> list[LiveNode]:
    return [
        LiveNode(n.name, n.address, n.state, n.trusted, n.verified_age, n.lag, n.cause, n.median_latency)
        for n in status.nodes
    ]


def _node_counts(metrics: Metrics) -> dict[str, NodeCounts]:
    return {
        name: NodeCounts(seen.hits, seen.misses, seen.errors + seen.timeouts, seen.p99)
        for name, seen in metrics.node_figures().items()
    }


def _noting(work: Work) -> Callable[[Finished], None]:
    def note(job: Finished) -> None:
        work.job("thumbnails", job.result, job.seconds)
        if job.result == "done":
            work.thumbnails_ready(job.since_owed)

    return note


def _gauges(cache: RingCache, uploads: Uploads, thumbnailer: Thumbnailer, database: Database) -> Gauges:
    status = cache.status()
    return Gauges(
        ring_version=status.version,
        ring_hash=status.ring_hash,
        vnodes=status.vnodes,
        imbalance=status.imbalance,
        nodes=[
            NodeGauge(n.name, n.state, n.trusted, n.ownership, n.lag, n.verified_age, n.weight) for n in status.nodes
        ],
        uploads_in_progress=uploads.active,
        uploads_limit=uploads.limits.concurrency,
        jobs_waiting=thumbnailer.waiting,
        jobs_dead=thumbnailer.dead,
        pool=(database.in_use, database.limit),
    )

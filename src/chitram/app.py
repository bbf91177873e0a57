"""The composition root: the only module that knows all others, and what they are made of."""

from datetime import timedelta
from importlib.metadata import version

from aiohttp import web

from chitram.adapters.blobs_disk import DiskStorage
from chitram.adapters.database import Database
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.adapters.passwords import Argon2Passwords
from chitram.adapters.pillow import PillowPictures
from chitram.adapters.ring_cache import CachedImages
from chitram.adapters.tokens import JwtTokens
from chitram.adapters.users_sql import SqlUsers
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
    pruning,
    ring_context,
    storage_context,
    sweeping,
)
from chitram.metrics import Gauges, Metrics, NodeGauge
from chitram.services.accounts import Accounts
from chitram.services.gallery import Gallery
from chitram.services.health import Health, NodeHealth
from chitram.services.housekeeping import Housekeeping
from chitram.services.ports import ConnectedStorage
from chitram.services.ring_admin import LiveNode, RingAdmin
from chitram.services.thumbnails import Thumbnailer
from chitram.services.uploads import UploadLimits, Uploads
from chitram.settings import Settings, SettingsError
from ring import Membership, RingCache, Status

MAX_BODY = 64 * 1024
"""In bytes, for every request but uploads, which stream."""


def create_app(settings: Settings, *, sole: bool = False) -> web.Application:
    """Wire everything. *sole* says that this process alone uses the database, the storage and the nodes.

    Raises :class:`SettingsError` for nodes that cannot be parsed. Nothing is connected before the application starts.
    """
    app = web.Application(client_max_size=MAX_BODY)
    metrics = Metrics(version=version("chitram"))
    database = Database(
        settings.database_url,
        pool_size=settings.db_pool_size,
        max_overflow=settings.db_max_overflow,
        recycle=settings.db_pool_recycle,
    )
    invalidations = SqlInvalidationLog(database)
    configured = _membership(settings)
    ttl = settings.cache_ttl_seconds
    cache = RingCache(configured, invalidations, prefix=settings.cache_key_prefix, ttl=ttl, observer=metrics)
    images = CachedImages(SqlImages(database, image_body), cache)
    users = SqlUsers(database)
    storage = blob_storage(settings)
    pictures = PillowPictures(max_pixels=settings.max_pixels)
    passwords = Argon2Passwords()
    lifetime = timedelta(minutes=settings.jwt_expire_minutes)
    tokens = JwtTokens(settings.jwt_secret_key.get_secret_value(), lifetime=lifetime)
    thumbnailer = Thumbnailer(images=images, storage=storage, pictures=pictures, finished=metrics.thumbnails)
    uploads = Uploads(images=images, storage=storage, pictures=pictures, limits=_limits(settings), owed=thumbnailer.owe)
    health = Health(database=database.ping, storage=storage.check, nodes=lambda: _node_health(cache.status()))

    app[METRICS] = metrics
    app[GALLERY] = Gallery(images=images, storage=storage)
    app[UPLOADS] = uploads
    app[ACCOUNTS] = Accounts(users=users, passwords=passwords, tokens=tokens)
    app[HEALTH] = health
    app[RING_ADMIN] = RingAdmin(sets=SqlNodeSets(database), live=lambda: _live_nodes(cache.status()))
    app[SITE] = Site(settings.app_env == "production", int(lifetime.total_seconds()), version("chitram"))
    metrics.gauges = lambda: _gauges(cache, uploads, thumbnailer)

    routes = [*api_routes(), *probe_routes(metrics=settings.metrics_enabled), *page_routes()]
    app.add_routes(observed(routes, metrics, health))
    setup_pages(app)
    housekeeping = Housekeeping(images=images, storage=storage)
    app.cleanup_ctx.extend(
        [
            database_context(database),
            storage_context(storage),
            closing_context(pictures.close, passwords.close),
            ring_context(cache, invalidations, configured, sole=sole),
            background_context(
                thumbnailer.work,
                thumbnailer.catch_up,
                sweeping(housekeeping, sole=sole),
                pruning(invalidations, users, timedelta(seconds=ttl)),
            ),
            drain_context(health),
        ]
    )
    return app


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


def _gauges(cache: RingCache, uploads: Uploads, thumbnailer: Thumbnailer) -> Gauges:
    status = cache.status()
    nodes = [
        NodeGauge(node.name, node.state, node.trusted, node.ownership, node.lag, node.verified_age)
        for node in status.nodes
    ]
    return Gauges(
        status.version, status.ring_hash, status.vnodes, status.imbalance, nodes, uploads.active, thumbnailer.waiting
    )

"""The composition root: the only module that knows all others, and what they are made of."""

from datetime import timedelta
from importlib.metadata import version

import orjson
from aiohttp import web

from chitram.adapters.api_keys_sql import SqlApiKeys
from chitram.adapters.cache_entries import RingEntries
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.jobs_sql import SqlJobs
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.adapters.node_vitals import NodeVitals
from chitram.adapters.passwords import Argon2Passwords
from chitram.adapters.pillow import PillowPictures
from chitram.adapters.quotas_sql import SqlQuotas
from chitram.adapters.ring_cache import CachedImages
from chitram.adapters.ring_events import RecentEvents
from chitram.adapters.ring_map import DrawnRings
from chitram.adapters.tokens import JwtTokens
from chitram.adapters.users_sql import SqlUsers
from chitram.backends import Backends
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
from chitram.parts import exports_of, job_worker, upload_limits
from chitram.redaction import Redaction
from chitram.services.accounts import Accounts
from chitram.services.api_keys import ApiKeys
from chitram.services.gallery import Gallery
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
from chitram.translation import gauges, live_nodes, node_counts, noting

MAX_BODY = 64 * 1024
"""In bytes, for every request but uploads, which stream."""


def create_app(settings: Settings, *, sole: bool = False, chaos: Chaos | None = None) -> web.Application:
    """Wire everything. *sole* says that this process alone uses the database, the storage and the nodes. *chaos* may
    break the nodes that are this process' own; in production nobody may.

    Raises :class:`SettingsError` for nodes that cannot be parsed. Nothing is connected before the application starts.
    """
    events = RecentEvents()
    its = Backends.of(settings, events)
    tracing, metrics, database, cache, storage = its.tracing, its.metrics, its.database, its.cache, its.storage
    work, ttl, prefix = metrics.work, settings.cache_ttl_seconds, settings.cache_key_prefix
    quotas = SqlQuotas(database, settings.user_quota_bytes)
    images = CachedImages(SqlImages(database, image_body, quotas.require_room), cache)
    users = SqlUsers(database)
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
    health = its.health()

    app = web.Application(middlewares=tracing.middlewares, client_max_size=MAX_BODY)
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
        entries=RingEntries(its.invalidations, cache, prefix=prefix),
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
            storage_context(its.blobs),
            closing_context(pictures.close, passwords.close),
            settling_context(exports.settled),
            ring_context(cache, its.invalidations, its.configured, sole=sole),
            background_context(
                *jobs.loops,
                census.watch,
                sweeping(housekeeping, work.swept, sole=sole),
                pruning(its.invalidations, users, timedelta(seconds=ttl)),
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

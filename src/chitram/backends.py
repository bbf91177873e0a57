"""What every process of an installation stands on, wired once for services and workers: the database, the invalidation
log, the ring, the storage; and whoever watches them.
"""

from dataclasses import dataclass
from importlib.metadata import version
from typing import Self

from chitram.adapters.blobs_measured import MeasuredStorage
from chitram.adapters.database import Database
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.ring_events import Observers, RecentEvents
from chitram.adapters.ring_log import LoggedRing
from chitram.metrics import Metrics, NullMetrics
from chitram.parts import blob_storage, configured_members, tracing_of
from chitram.services.health import Health
from chitram.services.storage_ports import BlobStorage, ConnectedStorage
from chitram.settings import Settings
from chitram.tracing import Tracing
from chitram.translation import node_health
from ring import Membership, RingCache

LOG_CONNECTIONS = 3
"""Of its own for the invalidation log: without news from it nodes are no longer believed, and everybody would read the
database that is too busy already."""


@dataclass(frozen=True, slots=True)
class Backends:
    """Nothing here is connected before the application starts: `lifespan` has a context for each."""

    tracing: Tracing
    metrics: Metrics
    database: Database
    invalidations: SqlInvalidationLog
    configured: Membership
    cache: RingCache
    blobs: ConnectedStorage
    """The storage itself, to be connected."""
    storage: BlobStorage
    """The same, measured and traced: what everybody uses."""

    @classmethod
    def of(cls, settings: Settings, *listeners: RecentEvents) -> Self:
        """What the settings name; *listeners* hear of the ring's rare events too. Raises :class:`SettingsError`."""
        tracing = tracing_of(settings)
        metrics = Metrics(version=version("chitram")) if settings.metrics_enabled else NullMetrics()
        database = Database(
            settings.database_url,
            pool_size=settings.db_pool_size,
            max_overflow=settings.db_max_overflow,
            recycle=settings.db_pool_recycle,
            waited=metrics.work.pool_waited,
        )
        log_lane = database.lane(LOG_CONNECTIONS)
        tracing.statements(database.engine)
        tracing.statements(log_lane.engine)
        invalidations, configured = SqlInvalidationLog(log_lane), configured_members(settings)
        cache = RingCache(
            configured,
            invalidations,
            prefix=settings.cache_key_prefix,
            ttl=settings.cache_ttl_seconds,
            observer=tracing.observer(Observers(LoggedRing(metrics), *listeners)),
            connect=tracing.connect,
        )
        blobs = blob_storage(settings)
        storage = tracing.storage(MeasuredStorage(blobs, metrics.work))
        return cls(tracing, metrics, database, invalidations, configured, cache, blobs, storage)

    def health(self) -> Health:
        """Of these, as probes tell it."""
        return Health(
            database=self.database.ping, storage=self.storage.check, nodes=lambda: node_health(self.cache.status())
        )

"""The service's own parts, for commands that look at what it keeps or change it with the same guarantee."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from chitram.adapters.database import Database
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.cli.words import counted
from chitram.parts import blob_storage
from chitram.services.storage_ports import BlobStorage
from chitram.settings import Settings
from ring import NullObserver, RingCache
from ring.events import AckWaited, Event, Invalidated

SETTLE_SECONDS = 1.5
"""What a command that will write gives the nodes to be connected to."""


@asynccontextmanager
async def opened_storage(settings: Settings) -> AsyncIterator[BlobStorage]:
    """The storage that the service uses, connected."""
    storage = blob_storage(settings)
    async with storage.connected():
        yield storage


class Reach(NullObserver):
    """Notes how far this command's writes came."""

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self.missed: set[str] = set()
        self.waited = 0.0
        """Seconds, in all."""

    def event(self, event: Event) -> None:
        """Keep what concerns a write."""
        if isinstance(event, Invalidated):
            (self.missed if event.result == "error" else self.reached).add(event.node)
        elif isinstance(event, AckWaited):
            self.waited += event.seconds

    def sentence(self) -> str:
        """For the person who made the write."""
        if not self.missed:
            return f"brought to {counted(len(self.reached), 'node')}" if self.reached else "there are no nodes to tell"
        names = ", ".join(sorted(self.missed))
        return (
            f"not reached: {names}. Until {'it has' if len(self.missed) == 1 else 'they have'} caught up with the log, "
            f"no process reads there (waited {self.waited:.1f} s to be sure of that)"
        )

    def fields(self) -> dict[str, object]:
        """For programs."""
        return {"reached": sorted(self.reached), "missed": sorted(self.missed), "waited_seconds": self.waited}


@asynccontextmanager
async def writing_cache(settings: Settings, database: Database) -> AsyncIterator[tuple[RingCache, Reach]]:
    """The ring as the service has it, connected: what it acknowledges, no process reads any older version of."""
    log, reach = SqlInvalidationLog(database), Reach()
    prefix, ttl = settings.cache_key_prefix, settings.cache_ttl_seconds
    cache = RingCache(await log.members(), log, prefix=prefix, ttl=ttl, observer=reach)
    await cache.start()
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while not _settled(cache):  # noqa: ASYNC110  the ring tells nobody when its nodes are connected
                    await asyncio.sleep(0.01)
        yield cache, reach
    finally:
        await cache.close()


def _settled(cache: RingCache) -> bool:
    return all(node.state == "down" or node.verified_age is not None for node in cache.status().nodes)

"""What runs as long as the service does, in the order of its start; the teardown is the reverse by construction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from chitram.adapters.database import Database
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.schema import require_current
from chitram.adapters.users_sql import SqlUsers
from chitram.domain.errors import ChitramError
from chitram.logs import get_logger
from chitram.metrics import Work
from chitram.services.health import Health
from chitram.services.housekeeping import GRACE, Housekeeping, Swept
from chitram.services.storage_ports import BlobStorage, ConnectedStorage
from ring import Membership, RingCache

log = get_logger(__name__)

Context = Callable[[web.Application], AsyncIterator[None]]
HOURLY = 3600.0
LAG_SECONDS = 0.25
SPACE_SECONDS = 30.0
RESTART_SECONDS = 5.0
LEAVE_SECONDS = 0.5
LOG_MARGIN = timedelta(hours=1)
"""How much longer than the longest-lived value the invalidation log is kept."""


def database_context(database: Database) -> Context:
    """The database with the schema of this version: without it there is no start."""

    async def run(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001  a cleanup context's signature
        try:
            await require_current(database)
            yield
        finally:
            await database.close()

    return run


def storage_context(storage: ConnectedStorage) -> Context:
    """The storage's connections. The service starts whether or not it answers."""

    async def run(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001  a cleanup context's signature
        async with storage.connected():
            yield

    return run


def ring_context(cache: RingCache, invalidations: SqlInvalidationLog, configured: Membership, *, sole: bool) -> Context:
    """The ring. It starts whether or not any node answers."""

    async def run(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001  a cleanup context's signature
        current = await invalidations.settle_members(configured, replace=sole)
        if configured.nodes and _places(configured) != _places(current):
            log.warning("REDIS_NODES differs from the node set in the database, which holds: see `chitram ring show`")
        await cache.start()
        try:
            yield
        finally:
            await _close(cache)

    return run


def background_context(*jobs: Callable[[], Coroutine[Any, Any, None]]) -> Context:
    """Loops that are cancelled at the end."""

    async def run(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001  a cleanup context's signature
        async with _running(jobs):
            yield

    return run


def closing_context(*closers: Callable[[], None]) -> Context:
    """Thread pools and the like."""

    async def run(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001  a cleanup context's signature
        yield
        for close in closers:
            close()

    return run


def settling_context(settled: Callable[[], Awaitable[None]]) -> Context:
    """What requests leave to be done in the database after them."""

    async def run(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001  a cleanup context's signature
        yield
        await settled()

    return run


def drain_context(health: Health) -> Context:
    """First to end: say that this process is going."""

    async def run(app: web.Application) -> AsyncIterator[None]:  # noqa: ARG001  a cleanup context's signature
        yield
        health.draining = True

    return run


def sweeping(
    housekeeping: Housekeeping, swept: Callable[[Swept], None], *, sole: bool
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Sweep at the start and every hour. *sole* says that nobody else uses the storage: then nothing is too young."""
    started = datetime.now(UTC)

    async def sweep(before: datetime) -> None:
        swept(await housekeeping.sweep(before=before))

    async def run() -> None:
        await _tolerant("sweep", lambda: sweep(started if sole else started - GRACE))
        while True:
            await asyncio.sleep(HOURLY)
            await _tolerant("sweep", lambda: sweep(datetime.now(UTC) - GRACE))

    return run


def measuring(storage: BlobStorage, work: Work) -> Sequence[Callable[[], Coroutine[Any, Any, None]]]:
    """What nothing else would notice: how late the event loop is, and how full the storage."""

    async def lag() -> None:
        clock = asyncio.get_running_loop().time
        while True:
            due = clock() + LAG_SECONDS
            await asyncio.sleep(LAG_SECONDS)
            work.loop_lag(max(clock() - due, 0.0))

    async def note_space() -> None:
        if (space := await storage.space()) is not None:
            work.space(space.free, space.size)

    async def watch_space() -> None:
        while True:
            await _tolerant("measuring the storage", note_space)
            await asyncio.sleep(SPACE_SECONDS)

    return lag, watch_space


def pruning(
    invalidations: SqlInvalidationLog, users: SqlUsers, ttl: timedelta
) -> Callable[[], Coroutine[Any, Any, None]]:
    """Forget, every hour, log rows and revocations that cannot matter any more."""

    async def run() -> None:
        while True:
            await _tolerant("prune", lambda: invalidations.prune(ttl + LOG_MARGIN))
            await _tolerant("prune", lambda: users.forget_expired_tokens(datetime.now(UTC)))
            await asyncio.sleep(HOURLY)

    return run


def _places(members: Membership) -> set[tuple[str, str]]:
    return {(node.name, node.address) for node in members.nodes}


@asynccontextmanager
async def _running(jobs: tuple[Callable[[], Coroutine[Any, Any, None]], ...]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(_kept_running(job)) for job in jobs]
    try:
        yield
    finally:
        await _cancel(tasks)


async def _kept_running(job: Callable[[], Coroutine[Any, Any, None]]) -> None:
    while True:
        try:
            return await job()
        except Exception:
            log.exception("a background job failed unexpectedly; starting it again", seconds=RESTART_SECONDS)
            await asyncio.sleep(RESTART_SECONDS)


async def _close(cache: RingCache) -> None:
    """Its followers read the database, which may be what hangs."""
    closing = asyncio.ensure_future(cache.close())
    _, late = await asyncio.wait({closing}, timeout=LEAVE_SECONDS)
    if late:
        closing.cancel()
        log.warning("the ring did not let go in time", seconds=LEAVE_SECONDS)
    else:
        closing.result()


async def _cancel(tasks: "Collection[asyncio.Task[None]]") -> None:
    """All at once, and without waiting for ever: a driver whose database hangs takes seconds to let go of it."""
    for task in tasks:
        task.cancel()
    _, late = await asyncio.wait(tasks, timeout=LEAVE_SECONDS)
    if late:
        log.warning("background jobs did not end in time", jobs=len(late), seconds=LEAVE_SECONDS)


async def _tolerant(what: str, work: Callable[[], Awaitable[object]]) -> None:
    try:
        await work()
    except ChitramError as error:
        log.warning("a job is put off", job=what, reason=str(error))

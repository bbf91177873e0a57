"""Connections to SQLite or PostgreSQL: taken late, given back early, never two at a time for one request."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from copy import copy
from functools import partial
from threading import Thread
from typing import Any
from weakref import WeakSet

import aiosqlite
from sqlalchemy import Connection, QueuePool, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from chitram.domain.errors import ServiceUnavailable
from chitram.logs import get_logger

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 15
MOST_CLOSING = 20
CLOSE_SECONDS = 0.7
_REFUSALS = ("08", "28", "3D", "53", "57P")
"""SQLSTATEs: connection, authorization, no such database, out of resources, shutting down or starting."""
_DAMAGES = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
WAIT_SECONDS = 5
"""For a free connection of the pool, and for SQLite's lock."""

log = get_logger(__name__)


class Database:
    """Short transactions. Every failure to reach the database is ``ServiceUnavailable``.

    *limit* connections are opened at most; *waited* is told how many seconds each user waited for one.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        max_overflow: int = 5,
        recycle: int = 1800,
        waited: Callable[[float], None] = lambda _: None,
    ) -> None:
        self.limit = pool_size + max_overflow
        self._waited = waited
        self.is_sqlite = url.startswith("sqlite")
        self._threads: WeakSet[Thread] = WeakSet()
        arguments: dict[str, Any] = {"timeout": CONNECT_SECONDS, "command_timeout": STATEMENT_SECONDS}
        if self.is_sqlite:
            arguments = {"timeout": WAIT_SECONDS, "async_creator_fn": self._open_sqlite}
        self._open = partial(_engine, url, arguments, recycle=recycle)
        self.engine = self._open(pool_size=pool_size, max_overflow=max_overflow)
        self._lanes: list[Database] = []
        # SQLite has one writer; waiting here is fair and costs nothing, waiting in its busy handler is neither.
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if self.is_sqlite else nullcontext()

    def lane(self, connections: int) -> "Database":
        """The same database by connections of their own, for what must not wait behind everybody's requests.

        Writers take turns with the others'; :meth:`close` closes it too.
        """
        lane = copy(self)
        lane.engine = self._open(pool_size=connections, max_overflow=0)
        lane._lanes = []
        self._lanes.append(lane)
        return lane

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading. Each statement sees what was committed when it began."""
        with _reachable():
            async with self._connection(nullcontext()) as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends and rolls back when it raises."""
        with _reachable():
            async with self._connection(self._turn) as connection:
                await connection.execution_options(chitram_write=True)
                async with connection.begin():
                    yield connection

    @property
    def in_use(self) -> int:
        """How many connections are in somebody's hands."""
        pool = self.engine.pool
        return pool.checkedout() if isinstance(pool, QueuePool) else 0

    @asynccontextmanager
    async def _connection(self, turn: AbstractAsyncContextManager[Any]) -> AsyncIterator[AsyncConnection]:
        asked, stack = time.monotonic(), AsyncExitStack()
        async with stack:
            try:
                await stack.enter_async_context(turn)
                connection = await stack.enter_async_context(self.engine.connect())
            finally:
                self._waited(time.monotonic() - asked)
            yield connection

    async def ping(self) -> None:
        """Ask for one row. Raises ``ServiceUnavailable``."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Give all connections back, and wait for statements whose caller was cancelled to end: not for long, since the
        database may be what hangs.
        """
        closing = asyncio.ensure_future(self._close())
        _, late = await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if late:
            await _give_up(closing)
            log.warning("the database did not take its connections back in time", seconds=CLOSE_SECONDS)
        else:
            closing.result()

    async def _close(self) -> None:
        for lane in self._lanes:
            await lane.engine.dispose()
        await self.engine.dispose()
        for thread in list(self._threads):
            await asyncio.to_thread(thread.join, CLOSE_SECONDS)

    async def _open_sqlite(self, *where: Any, **how: Any) -> aiosqlite.Connection:
        # aiosqlite runs each connection in a thread, which reports to the event loop: it must end before the loop does,
        # also that of a connection whose opener was cancelled.
        connection = aiosqlite.connect(*where, **how)
        connection._thread.daemon = True
        self._threads.add(connection._thread)
        try:
            return await connection
        except asyncio.CancelledError:
            connection.stop()
            raise


async def _give_up(closing: "asyncio.Task[None]") -> None:
    """Each connection that is being closed in vain takes one cancellation for itself."""
    for _ in range(MOST_CLOSING):
        closing.cancel()
        if (await asyncio.wait({closing}, timeout=0.02))[0]:
            return


def _engine(url: str, arguments: dict[str, Any], *, pool_size: int, max_overflow: int, recycle: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=max_overflow,
        pool_recycle=recycle,
        pool_timeout=WAIT_SECONDS,
        pool_pre_ping=not url.startswith("sqlite"),
        connect_args=arguments,
        hide_parameters=True,
    )
    if url.startswith("sqlite"):
        event.listen(engine.sync_engine, "connect", _configure_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own
    cursor = connection.cursor()
    # FULL: an acknowledged picture survives a power cut; its file is synced too.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={WAIT_SECONDS * 1000}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts reading and then writes fails at once when another one wrote in between. One that only
    # reads would cost a third of a read for nothing: PostgreSQL gives every statement its own moment too.
    if connection.get_execution_options().get("chitram_write", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _is_refusal(error: DBAPIError) -> bool:
    # A server that is there and lets nobody in; the driver reports it like an error in a statement.
    return str(getattr(error.orig, "sqlstate", "") or "").startswith(_REFUSALS)


def _is_damaged(error: DBAPIError) -> bool:
    # Found out while opening it, by any command. What a statement meets later is told with its traceback.
    return error.statement is None and getattr(error.orig, "sqlite_errorname", "") in _DAMAGES


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise
    except PoolTimeoutError as error:
        raise ServiceUnavailable("Too many requests wait for the database. Try again in a moment.") from error
    except (OperationalError, InterfaceError, OSError) as error:
        raise ServiceUnavailable("The database cannot be reached. Nothing was lost; try again soon.") from error
    except DBAPIError as error:
        if _is_damaged(error):
            raise ServiceUnavailable("The database's file is damaged, or no SQLite database.") from error
        if not error.connection_invalidated and not _is_refusal(error):
            raise
        raise ServiceUnavailable("The database cannot be reached. Nothing was lost; try again soon.") from error

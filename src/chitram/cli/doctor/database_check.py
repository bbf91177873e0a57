"""The database: reachable, of this version, writable, and by the same clock."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import make_url

from chitram.adapters.database import Database
from chitram.adapters.database_facts import DatabaseFacts, examine_database
from chitram.cli.doctor.finding import Finding, ok, problem, warning
from chitram.cli.workplace import sqlite_file
from chitram.settings import Settings

SECONDS = 4.0
SKEW_WARNING = 1.0
"""Whether a session began before a password was changed is told by the machines' clocks."""
SKEW_PROBLEM = 10.0
_SYNC = "let NTP set the clocks of both machines: timedatectl set-ntp true"


async def reach_database(settings: Settings, database: Database) -> tuple[DatabaseFacts | None, list[Finding]]:
    """What the database says of itself, or why it says nothing; within :data:`SECONDS`."""
    file = sqlite_file(settings)
    if file is not None and not file.is_file():
        cure = "chitram migrate makes it; or name another by DATABASE_URL or --data DIR"
        return None, [problem("database", f"there is no file {file}", cure)]
    try:
        async with asyncio.timeout(SECONDS):
            return await examine_database(database), []
    except TimeoutError:
        where = _where(settings)
        return None, [problem("database", f"{where} does not answer within {SECONDS:g} s", _restart(settings))]
    except Exception as error:  # whatever the driver raises is what this command is there to say
        return None, [_refused(settings, error)]


def check_database(facts: DatabaseFacts, settings: Settings) -> list[Finding]:
    """Judge what it said."""
    found = [*_schema(facts), *_clock(facts), *_connections(facts, settings), *_sharing(settings)]
    if facts.read_only:
        says = f"{_where(settings)} takes no writes: it is a standby or set read-only"
        found.append(problem("database", says, "let DATABASE_URL name the primary"))
    return found or [ok("database", f"{facts.server} answers in {facts.round_trip * 1000:.1f} ms, schema is current")]


def processes_with_open(path: Path) -> set[int]:
    """Which other processes have the file open, as far as this user may see; empty where there is no /proc."""
    holding = set()
    wanted = str(path.resolve())
    for entry in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):
            if str(entry.readlink()) == wanted:
                holding.add(int(entry.parts[2]))
    return holding - {os.getpid()}


def _schema(facts: DatabaseFacts) -> Iterator[Finding]:
    if facts.schema == "none":
        yield problem("database", "it has no tables yet", "chitram migrate")
    elif facts.schema == "older":
        yield problem("database", "its schema is older than this version of Chitram", "chitram migrate")
    elif facts.schema == "newer":
        says = "its schema is of a later version of Chitram than this one"
        yield problem("database", says, "install that version here, or restore a backup of before")


def _clock(facts: DatabaseFacts) -> Iterator[Finding]:
    off = abs(facts.clock_ahead)
    if off > SKEW_WARNING:
        way = "ahead of" if facts.clock_ahead > 0 else "behind"
        make = problem if off > SKEW_PROBLEM else warning
        yield make("clock", f"the database's clock is {off:.0f} s {way} this machine's", _SYNC)


def _connections(facts: DatabaseFacts, settings: Settings) -> Iterator[Finding]:
    most = settings.db_pool_size + settings.db_max_overflow
    if facts.connections and most > facts.connections:
        says = f"one process may open {most} connections, the server takes {facts.connections} in all"
        yield warning("database", says, "lower DB_POOL_SIZE and DB_MAX_OVERFLOW, or raise max_connections")


def _sharing(settings: Settings) -> Iterator[Finding]:
    file = sqlite_file(settings)
    users = processes_with_open(file) if file else set()
    if len(users) > 1:
        numbers = ", ".join(map(str, sorted(users)))
        says = f"{len(users)} processes use one SQLite file ({numbers}): their writes hold each other up"
        yield warning("database", says, "one process a file, or PostgreSQL: DATABASE_URL=postgresql://…")


def _refused(settings: Settings, error: BaseException) -> Finding:
    root = _root(error)
    name, text = type(root).__name__, (str(root).splitlines() or [""])[0]
    where = _where(settings)
    if "Password" in name or "InvalidAuthorization" in name:
        return problem("database", f"{where} does not let us in: {text}", "set user and password in DATABASE_URL")
    if name == "InvalidCatalogNameError":
        return problem("database", f"{where}: {text}", "createdb that name, or name another in DATABASE_URL")
    if name == "TooManyConnectionsError":
        return problem("database", f"{where}: {text}", "lower DB_POOL_SIZE of the processes, or raise max_connections")
    return problem("database", f"{where} cannot be reached: {text or name}", _restart(settings))


def _root(error: BaseException) -> BaseException:
    while (inner := getattr(error, "orig", None) or error.__cause__) is not None:
        error = inner
    return error


def _where(settings: Settings) -> str:
    url = make_url(settings.database_url)
    return f"{url.host or 'localhost'}:{url.port or 5432}" if url.get_backend_name() != "sqlite" else str(url.database)


def _restart(settings: Settings) -> str:
    if sqlite_file(settings):
        return "see that the file is an SQLite database which this user may write, or restore a backup"
    return "start PostgreSQL, or correct host and port in DATABASE_URL"

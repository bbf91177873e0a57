"""What decides whether a database is fit to serve from, in one short conversation."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from chitram.adapters.database import Database
from chitram.adapters.schema import SchemaState, schema_state
from chitram.adapters.tables import cache_clock, cache_node, images


@dataclass(frozen=True, slots=True)
class DatabaseFacts:
    """What the database said. *log*, *head*, *fenced* and *newest* are there only with the present schema."""

    server: str
    round_trip: float
    """Seconds."""
    clock_ahead: float
    """Seconds by which its clock is ahead of ours; 0 for SQLite, which has ours."""
    schema: SchemaState
    read_only: bool = False
    connections: int = 0
    """How many the server takes in all; 0 where there is no such limit."""
    head: int = 0
    log: str = ""
    fenced: tuple[str, ...] = ()
    newest: tuple[str, ...] = ()
    """Where the newest pictures' files should lie."""


async def examine_database(database: Database) -> DatabaseFacts:
    """Ask. Raises ``ServiceUnavailable`` and whatever the driver raises when it is not let in."""
    async with database.read() as connection:
        server, ahead, read_only, connections = await _about_server(connection, sqlite=database.is_sqlite)
        began = time.perf_counter()
        await connection.execute(text("SELECT 1"))
        trip = time.perf_counter() - began
        schema = await connection.run_sync(schema_state)
        facts = DatabaseFacts(server, trip, ahead, schema, read_only, connections)
        if schema != "current":
            return facts
        clock = (await connection.execute(select(cache_clock.c.head, cache_clock.c.log))).one()
        fenced = select(cache_node.c.name).where(cache_node.c.fence.is_not(None)).order_by(cache_node.c.name)
        newest = select(images.c.blob_key).order_by(images.c.created_at.desc()).limit(5)
        return DatabaseFacts(
            *(server, trip, ahead, schema, read_only, connections),
            head=clock.head,
            log=clock.log,
            fenced=tuple((await connection.execute(fenced)).scalars()),
            newest=tuple((await connection.execute(newest)).scalars()),
        )


async def _about_server(connection: AsyncConnection, *, sqlite: bool) -> tuple[str, float, bool, int]:
    if sqlite:
        version = (await connection.execute(text("SELECT sqlite_version()"))).scalar_one()
        return f"SQLite {version}", 0.0, False, 0
    query = (
        "SELECT current_setting('server_version') AS version, clock_timestamp() AS clock, "
        "current_setting('transaction_read_only') = 'on' AS read_only, "
        "current_setting('max_connections')::int AS connections"
    )
    row = (await connection.execute(text(query))).one()
    ahead = (row.clock - datetime.now(UTC)).total_seconds()
    return f"PostgreSQL {row.version.split()[0]}", ahead, row.read_only, row.connections

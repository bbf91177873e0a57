"""How Alembic reaches the database: through the same engine as the service, one transaction for all steps."""

import asyncio

from alembic import context
from sqlalchemy import Connection, text

from chitram.adapters.database import Database
from chitram.adapters.tables import metadata

MIGRATION_LOCK = 0x63686974  # any number that nobody else uses for an advisory lock in this database


def _run(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    context.run_migrations()


async def _main() -> None:
    database = Database(context.config.attributes["url"])
    try:
        async with database.write() as connection:
            await connection.run_sync(_run)
    finally:
        await database.close()


asyncio.run(_main())

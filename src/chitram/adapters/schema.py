"""Bring a database to the schema of this version, and tell whether it is there. Both are run before serving."""

from pathlib import Path
from typing import Literal

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from chitram.adapters.database import Database
from chitram.domain.errors import ChitramError

SchemaState = Literal["current", "none", "older", "newer"]
"""*none* is a database without any table of ours, *newer* one that a later version has migrated."""
MIGRATIONS = Path(__file__).parent.parent / "migrations"


class SchemaOutdated(ChitramError):
    """The database has another schema than this version of the code."""

    default = "The database has not been migrated to this version: run `chitram migrate`."


def migrate(url: str) -> None:
    """Run every migration that the database has not had. Blocks; call it outside the event loop.

    Safe when several processes do it at once: PostgreSQL serialises them by an advisory lock, SQLite by its write lock.
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["url"] = url
    command.upgrade(config, "head")


async def require_current(database: Database) -> None:
    """Raise :class:`SchemaOutdated` unless every migration has run, ``ServiceUnavailable`` when nobody answers."""
    async with database.read() as connection:
        if await connection.run_sync(schema_state) != "current":
            raise SchemaOutdated


def schema_state(connection: Connection) -> SchemaState:
    """Which schema a database has, compared with the one of this version."""
    scripts = ScriptDirectory(str(MIGRATIONS))
    found = set(MigrationContext.configure(connection).get_current_heads())
    if found == set(scripts.get_heads()):
        return "current"
    known = {script.revision for script in scripts.walk_revisions()}
    return "newer" if found - known else "older" if found else "none"

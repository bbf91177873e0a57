"""`chitram migrate`: bring the database to the schema of this version."""

import click

from chitram.adapters import schema
from chitram.cli.workplace import Workplace, placed


@click.command(short_help="Bring the database to the schema of this version.")
@placed
def migrate(it: Workplace) -> None:
    """Bring the database that DATABASE_URL names to the schema of this version.

    Run it once for each version, before `chitram serve`; running it again changes nothing.

    \b
    DATABASE_URL=postgresql://chitram:secret@db/chitram chitram migrate
    """
    schema.migrate(it.settings.database_url)
    it.say({"schema": "current"}, "the database has the schema of this version")

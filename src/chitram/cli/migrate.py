"""`chitram migrate`: bring the database to the schema of this version."""

import click

from chitram.adapters import schema
from chitram.cli.environment import environment
from chitram.settings import Settings


@click.command()
def migrate() -> None:
    """Bring the database that DATABASE_URL names to the schema of this version.

    Run it once for each version, before `chitram serve`; running it again changes nothing.

    \b
    DATABASE_URL=postgresql://chitram:secret@db/chitram chitram migrate
    """
    settings = Settings.load(environment(), dotenv=None)
    schema.migrate(settings.database_url)
    click.echo("the database has the schema of this version")

"""`chitram` itself: which commands there are, and how their failures are said."""

import os
from importlib import import_module
from typing import Any

import click

from chitram.domain.errors import ChitramError, ServiceUnavailable
from chitram.embedded.errors import StackError
from chitram.settings import SettingsError

# Imported when asked for: `chitram import` need not load a database driver, nor `--help` anything at all.
_COMMANDS = {
    "up": "chitram.cli.up:up",
    "serve": "chitram.cli.serve:serve",
    "worker": "chitram.cli.worker:worker",
    "migrate": "chitram.cli.migrate:migrate",
    "import": "chitram.cli.importing:import_pictures",
    "ring": "chitram.cli.ring:ring",
    "cache": "chitram.cli.cache:cache",
    "doctor": "chitram.cli.doctor.command:doctor",
    "config": "chitram.cli.config:config",
    "openapi": "chitram.cli.openapi:openapi",
    "storage": "chitram.cli.storage:storage",
    "jobs": "chitram.cli.jobs:jobs",
    "thumbs": "chitram.cli.thumbs:thumbs",
    "user": "chitram.cli.user:user",
    "apikey": "chitram.cli.apikey:apikey",
    "export": "chitram.cli.export:export",
    "backup": "chitram.cli.backup:backup",
    "restore": "chitram.cli.restore:restore",
}

_EXPECTED = (ChitramError, SettingsError, StackError)


class _Commands(click.Group):
    """Commands by name. What can be expected to go wrong ends in one sentence and exit code 1, not in a traceback."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[name].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except ServiceUnavailable as error:
            raise click.ClickException(f"{error} `chitram doctor` says what is wrong.") from error
        except _EXPECTED as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="chitram", message="%(prog)s %(version)s")
@click.pass_context
def main(context: click.Context) -> None:
    """A self-hosted image host over a ring of Redis nodes.

    \b
    chitram up                     everything on this machine, in one command
    chitram import ~/Pictures      put a folder of pictures in
    chitram doctor                 what is wrong, and how is it mended?
    chitram migrate && chitram serve
                                   on the database, storage and nodes of the environment
    """
    if os.environ.get("NO_COLOR"):
        context.color = False  # elsewhere colours go to terminals alone

"""`chitram restore`: what `chitram backup` has taken, in a data directory of its own."""

import asyncio
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click
import orjson

from chitram.cli.backups.archive import opened
from chitram.cli.backups.restoring import Restored, prepare, take_back
from chitram.cli.backups.restoring import restore as bring
from chitram.cli.bar import bar
from chitram.cli.words import counted
from chitram.embedded.data_dir import DataDir


@click.command(short_help="Bring a backup into an empty directory.")
@click.argument("source", type=click.Path(path_type=Path), metavar="BACKUP")
@click.option("--data", required=True, type=click.Path(path_type=Path), metavar="DIR", help="A new or empty directory.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def restore(source: Path, data: Path, *, as_json: bool) -> None:
    """Bring a backup into a new or empty directory, for `chitram up --data DIR`. Nothing is ever written over.

    Every original is compared with its SHA-256. Accounts and passwords come back, sessions do not: everybody signs in
    again. The invalidation log gets a new identity, so that no node shows what was cached before.

    \b
    chitram restore /mnt/backups/monday.tar --data restored
    chitram up --data restored

    Exit code: 0 if every picture is back as it was uploaded, 1 if some are not (the others are), or if nothing is.
    """
    if data.exists() and (not data.is_dir() or {entry.name for entry in data.iterdir()} - {"lock"}):
        raise click.UsageError(f"{data} is not empty: nothing is written over, name a new directory")
    with opened(source) as reader, DataDir(data) as directory:
        try:
            fresh = prepare(reader, directory.path)
            with ExitStack() as stack:
                begin = bring(reader, fresh, directory.path, lambda total: stack.enter_context(bar("restoring", total)))
                restored = asyncio.run(begin)
        except OSError as error:
            take_back(directory.path)
            reason = error.strerror or str(error)
            raise click.ClickException(f"cannot be restored: {reason}; {data} is as empty as before") from error
        except BaseException:
            take_back(directory.path)
            raise
    _say(data, restored, as_json=as_json)


def _say(data: Path, restored: Restored, *, as_json: bool) -> None:
    lines = [f"lost or damaged in the backup: {image_id}" for image_id in restored.damaged]
    words = f"{counted(restored.pictures, 'picture')} restored; now: chitram up --data {data}"
    fields = {"data": str(data), **asdict(restored)}
    click.echo(orjson.dumps(fields, option=orjson.OPT_INDENT_2) if as_json else "\n".join([*lines, words]))
    if restored.damaged:
        raise SystemExit(1)

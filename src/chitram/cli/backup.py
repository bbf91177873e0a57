"""`chitram backup`: a copy of everything that a stack on SQLite keeps, taken while it runs."""

import asyncio
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import click

from chitram.cli.backups.archive import written
from chitram.cli.backups.taking import Taken, Taking
from chitram.cli.bar import bar
from chitram.cli.live import opened_storage
from chitram.cli.words import counted, size
from chitram.cli.workplace import Workplace, placed, sqlite_file

_POSTGRES = (
    "this database is on a server, which has better means: take `pg_dump -Fc` first, then copy the storage (mc mirror, "
    "rclone, rsync), which may only have more files than the dump names; after pg_restore run `chitram ring renew`"
)


@click.command(short_help="Copy everything that a stack keeps, while it runs.")
@click.argument("target", type=click.Path(path_type=Path), metavar="FILE_OR_DIR")
@placed
def backup(it: Workplace, target: Path) -> None:
    """Copy database, originals and thumbnails into a new directory, or into one file if its name ends in .tar.

    The service may run and take pictures in meanwhile: the copy is of the moment at which it began. Every original is
    compared with its SHA-256. Sessions are not part of it. The result is readable by you alone; it holds everything,
    private pictures and password hashes included.

    \b
    chitram backup /mnt/backups/monday.tar --data data
    chitram backup ~/chitram-copy --data data
    chitram restore /mnt/backups/monday.tar --data restored

    For PostgreSQL: pg_dump -Fc first, then copy the storage; after pg_restore run `chitram ring renew`.

    Exit code: 0 if every picture is in it as it was uploaded, 1 if the storage has lost or damaged some (the others
    are in it), or if nothing was written.
    """
    source = sqlite_file(it.settings)
    if source is None:
        raise click.UsageError(_POSTGRES)
    try:
        with ExitStack() as stack:
            writer, files = stack.enter_context(written(target))

            async def run() -> Taken:
                async with it.database() as live, opened_storage(it.settings) as storage:
                    taking = Taking(live, storage, writer, files)
                    return await taking.take(source, lambda total: stack.enter_context(bar("copying", total)))

            taken = asyncio.run(run())
    except OSError as error:
        raise click.ClickException(f"{target} cannot be written: {error.strerror}; nothing was left there") from error
    _say(it, target, taken)


def _say(it: Workplace, target: Path, taken: Taken) -> None:
    words = f"{counted(taken.pictures, 'picture')}, {size(taken.bytes)} in {target}"
    if taken.deleted_meanwhile:
        words += f" ({counted(taken.deleted_meanwhile, 'picture')} deleted meanwhile)"
    lines = [f"lost or damaged in the storage already: {image_id}" for image_id in taken.damaged]
    it.say({"target": str(target), **asdict(taken)}, "\n".join([*lines, words]))
    if taken.damaged:
        raise SystemExit(1)

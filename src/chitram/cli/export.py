"""`chitram export`: everything of one account in one zip, from the machine that has database and storage."""

import asyncio
import errno
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, aclosing, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from chitram.adapters.database import Database
from chitram.adapters.quotas_sql import SqlQuotas
from chitram.adapters.users_sql import SqlUsers
from chitram.cli.bar import bar
from chitram.cli.live import opened_storage
from chitram.cli.words import counted, size
from chitram.cli.workplace import Workplace, placed
from chitram.domain.account import User, normalise_email
from chitram.domain.errors import NotFound
from chitram.domain.filename import safe_filename
from chitram.parts import exports_of
from chitram.services.exports import Exported

_STDOUT = Path("-")


@click.command(short_help="Put everything of an account into one zip.")
@click.argument("user")
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FILE|-", help="Where to; - is stdout.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@placed
def export(it: Workplace, user: str, *, output: Path | None, force: bool) -> None:
    """Write every original of USER (an email address) into a zip, with a manifest.json of all that is known of them.

    Without -o the file is called chitram-ADDRESS.zip. It appears whole or not at all, readable by you alone. Every
    original is compared with its SHA-256; what is lost or damaged is named here and in the manifest. The service may
    run meanwhile.

    \b
    chitram export ann@example.com --data data
    chitram export ann@example.com -o /mnt/ann.zip --force
    chitram export ann@example.com --output=- | ssh elsewhere 'cat > ann.zip'

    Exit code: 0 if every original is in it as it was uploaded, 1 if some are lost or damaged (the others are in it), or
    if nothing was written.
    """
    address = normalise_email(user)
    target = output or Path(f"chitram-{safe_filename(address.replace('/', '_'), extension='zip')}.zip")
    try:
        with _opened(target, force=force) as file:
            exported = asyncio.run(_export(it, address, file))
    except OSError as error:
        if error.errno == errno.EPIPE:
            raise  # whoever read has heard enough
        raise click.ClickException(f"{target} cannot be written: {error.strerror}; nothing was left there") from error
    except KeyboardInterrupt:
        click.echo("interrupted; nothing was left" if target != _STDOUT else "interrupted", err=True)
        raise SystemExit(130) from None
    _say(it, target, exported)


async def _export(it: Workplace, address: str, file: BinaryIO) -> Exported:
    exported = Exported()
    async with it.database() as database, opened_storage(it.settings) as storage:
        user = await _account(database, address)
        total = (await SqlQuotas(database, None).usage(user.id)).pictures
        exports = exports_of(it.settings, database, storage)
        with bar("exporting", total) as done:
            async with aclosing(exports.stream(user, exported, done)) as chunks:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
    return exported


async def _account(database: Database, address: str) -> User:
    found = await SqlUsers(database).by_email(address)
    if found is None:
        raise NotFound(f"There is no account {address}: `chitram user list` shows those that there are.")
    return found[0]


@contextmanager
def _opened(target: Path, *, force: bool) -> Iterator[BinaryIO]:
    """The file to write, under a name of its own until it is whole. Raises OSError."""
    if target == _STDOUT:
        if sys.stdout.isatty():
            raise click.UsageError("a zip is nothing for a terminal: name a file with -o, or pipe it on")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    _refuse_target(target, force=force)
    descriptor, name = tempfile.mkstemp(dir=target.absolute().parent, prefix=f".{target.name[:100]}-", suffix=".part")
    with ExitStack() as stack:
        stack.callback(_forget, name)
        with open(descriptor, "wb") as file:  # noqa: PTH123  what is open already has no path to open it by
            yield file
            file.flush()
            os.fsync(file.fileno())  # the name comes after the bytes, also if the power goes
        _refuse_target(target, force=force)
        Path(name).replace(target)


def _refuse_target(target: Path, *, force: bool) -> None:
    if target.is_dir() or not target.absolute().parent.is_dir():
        raise click.UsageError(f"{target}: name a file in a directory that is there")
    if target.exists() and not force:
        raise click.UsageError(f"{target} is there already: choose another name, or add --force to write over it")


def _forget(name: str) -> None:
    with suppress(FileNotFoundError):  # it has its name
        Path(name).unlink()


def _say(it: Workplace, target: Path, exported: Exported) -> None:
    whole = exported.images - len(exported.problems)
    words = f"{counted(whole, 'picture')} as uploaded, {size(exported.bytes)} in all, in {target}"
    lines = [f"{image_id}: {problem}" for image_id, problem in exported.problems.items()]
    fields = {
        "target": str(target),
        "pictures": exported.images,
        "bytes": exported.bytes,
        "problems": [{"id": image_id, "problem": problem} for image_id, problem in exported.problems.items()],
    }
    text = orjson.dumps(fields, option=orjson.OPT_INDENT_2).decode() if it.as_json else "\n".join([*lines, words])
    click.echo(text, err=target == _STDOUT)
    if exported.problems:
        raise SystemExit(1)

"""`chitram storage`: is everything there, and what is there too much?"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import click

from chitram.adapters.database import Database
from chitram.adapters.inventory_sql import SqlInventory
from chitram.cli.bar import bar
from chitram.cli.image_ids import behind
from chitram.cli.live import opened_storage
from chitram.cli.words import agree, counted, size
from chitram.cli.workplace import Workplace, place_options, placed
from chitram.domain.errors import ServiceUnavailable
from chitram.services.housekeeping import GRACE, Housekeeping
from chitram.services.verification import Verification, Verified

T = TypeVar("T")


@click.group()
@place_options
def storage() -> None:
    """Check the stored pictures, and collect what belongs to none.

    \b
    chitram storage verify                   read every original, compare its SHA-256
    chitram storage verify --sample 100      a hundred of them, chosen by chance
    chitram storage gc --dry-run             which files belong to no picture?
    """


@storage.command()
@click.option("--sample", type=click.IntRange(1), metavar="N", help="Read only so many, chosen by chance.")
@click.option("--after", metavar="ID", help="Go on behind this picture, where an earlier run was stopped.")
@placed
def verify(it: Workplace, *, sample: int | None, after: str | None) -> None:
    """Read every original and compare it with the SHA-256 that the database has. Changes nothing.

    Exit code: 0 if all of them are as they were uploaded, 1 if any is missing or damaged, 130 after Ctrl-C.

    \b
    chitram storage verify
    chitram storage verify --data data --sample 100 --json
    """
    if sample and after:
        raise click.UsageError("--sample chooses by chance, --after goes on in order: use one of them")
    start = behind(after)
    result = _Result(last=start)
    try:
        asyncio.run(_verify(it, result, sample=sample, after=start))
    except KeyboardInterrupt:
        result.stopped = f"interrupted: go on with `{result.following(it)}`"
    except ServiceUnavailable as error:
        if not result.read:
            raise
        result.stopped = f"{error} Go on with `{result.following(it)}`"
    it.say(result.fields(), "\n".join(result.lines()))
    if result.stopped or result.wrong:
        raise SystemExit(130 if result.stopped.startswith("interrupted") else 1)


@storage.command()
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@placed
def gc(it: Workplace, *, dry_run: bool, yes: bool) -> None:
    """Remove files that belong to no picture, and uploads that a dead process left unfinished.

    A running service does the same every hour. Whatever is younger than an hour stays: it may belong to an upload that
    is under way. When more pictures are unknown than crashes leave, nothing is removed and the exit code is 1: the
    database is then probably not the one of this storage.

    \b
    chitram storage gc --dry-run
    chitram storage gc --yes --json
    """
    before = datetime.now(UTC) - GRACE
    lost = _keeping(it, lambda housekeeping: housekeeping.lost(before=before))
    fields = {"files": len(lost.blobs), "bytes": sum(blob.size for blob in lost.blobs), "refused": lost.suspicious}
    if lost.suspicious:
        raise click.ClickException(
            f"{lost.pictures} of {lost.of} pictures in the storage are not in the database: is it the right one? "
            "Nothing was removed; see `chitram config show`"
        )
    words = f"{counted(len(lost.blobs), 'file')} ({size(fields['bytes'])}) of no picture"
    if dry_run:
        files = [{"key": blob.key, "bytes": blob.size} for blob in lost.blobs]
        listed = [f"  {blob.key}  {size(blob.size)}" for blob in lost.blobs]
        it.say({**fields, "dry_run": True, "which": files}, "\n".join([f"would remove {words}", *listed]))
        return
    agree(f"will remove {words}, and what unfinished uploads left more than an hour ago", yes=yes)
    swept = _keeping(it, lambda housekeeping: housekeeping.sweep(before=before))
    done = f"removed {counted(swept.orphans, 'file')} of no picture and {counted(swept.temporary, 'unfinished upload')}"
    it.say({**fields, "dry_run": False, "files": swept.orphans, "temporary": swept.temporary}, done)


@dataclass(slots=True)
class _Result:
    """What a verification has found so far."""

    read: int = 0
    size: int = 0
    last: str = ""
    """The picture behind which to go on; empty: at the beginning."""
    stopped: str = ""
    wrong: list[Verified] = field(default_factory=list)

    def add(self, verified: Verified) -> None:
        """One more."""
        self.read += 1
        self.size += verified.original.size
        self.last = verified.original.id
        if verified.state != "fine":
            self.wrong.append(verified)

    def following(self, it: Workplace) -> str:
        """The command that reads the rest."""
        return it.again("storage verify") + (f" --after {self.last}" if self.last else "")

    def fields(self) -> dict[str, Any]:
        """For programs."""
        wrong = [{"id": v.original.id, "key": v.original.blob_key, "state": v.state, "why": v.why} for v in self.wrong]
        fine = self.read - len(self.wrong)
        return {"read": self.read, "fine": fine, "bytes": self.size, "wrong": wrong, "stopped": self.stopped or None}

    def lines(self) -> list[str]:
        """For people."""
        lines = [f"{v.state:<10} {v.original.id}  {v.original.blob_key}: {v.why}" for v in self.wrong]
        if not self.read:
            return [*([self.stopped] if self.stopped else []), "no original was read: there is none to be read here"]
        originals = f"{counted(self.read, 'original')} ({size(self.size)}) read"
        verdict = f"{originals}: {len(self.wrong)} not as uploaded" if self.wrong else f"{originals}: all as uploaded"
        return [*lines, *([self.stopped] if self.stopped else []), verdict]


async def _verify(it: Workplace, result: _Result, *, sample: int | None, after: str) -> None:
    async with it.database() as database, opened_storage(it.settings) as blobs:
        inventory = SqlInventory(database)
        verification = Verification(inventory=inventory, storage=blobs)
        count = sum((await inventory.counts()).values())
        chosen = verification.these(await inventory.sample(sample)) if sample else verification.all(after=after)
        with bar("verifying", min(count, sample or count)) as advance:
            async for verified in chosen:
                result.add(verified)
                advance()


def _keeping(it: Workplace, what: Callable[[Housekeeping], Awaitable[T]]) -> T:
    async def work(database: Database) -> T:
        async with opened_storage(it.settings) as blobs:
            return await what(Housekeeping(images=SqlInventory(database), storage=blobs))

    return it.ask(work)

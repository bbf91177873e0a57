"""`chitram jobs`: what is owed to pictures that are stored already. Today that is thumbnails; the queue knows."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click

from chitram.adapters.database import Database
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.inventory_sql import SqlInventory
from chitram.adapters.job_list_sql import ListedJob
from chitram.adapters.job_list_sql import list_jobs as find
from chitram.adapters.ring_cache import CachedImages
from chitram.cli.image_ids import image_ids
from chitram.cli.live import writing_cache
from chitram.cli.words import columns, counted
from chitram.cli.workplace import Workplace, place_options, placed
from chitram.domain.image import Thumbnails
from chitram.handlers.present import image_body
from chitram.services.thumbnails import THUMBNAILS

MANY = 100_000
BATCH = 500
"""Pictures in one statement: its variables are counted."""
_LIMIT = click.option("--limit", default=20, show_default=True, type=click.IntRange(1, MANY), help="How many to print.")


@click.group(short_help="Look at the thumbnails that are owed or given up.")
@place_options
def jobs() -> None:
    """Look at the thumbnails that are owed, and have those made that were given up.

    \b
    chitram jobs list            what waits to be made
    chitram jobs dead            what was given up
    chitram jobs retry --all     try all of that again
    """


@jobs.command("list")
@_LIMIT
@placed
def list_jobs(it: Workplace, *, limit: int) -> None:
    """Print the thumbnails that are owed, the oldest first, and how many there are in all.

    The state says which process is at it (its machine and number), or when it is tried again and what went wrong.
    They are made by the services, or with JOBS=worker by `chitram worker`.

    \b
    chitram jobs list --json | jq .owed
    """
    _print(it, Thumbnails.PENDING, limit)


@jobs.command()
@_LIMIT
@placed
def dead(it: Workplace, *, limit: int) -> None:
    """Print the pictures whose thumbnails were given up, after how many attempts and why. Exit code 1 if there are any.

    The log of whoever tried has more. `chitram storage verify` finds originals that are damaged or missing.

    \b
    chitram jobs dead || chitram jobs retry --all
    """
    if _print(it, Thumbnails.FAILED, limit):
        raise SystemExit(1)


@jobs.command()
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option("--all", "everything", is_flag=True, help="All that were given up.")
@placed
def retry(it: Workplace, ids: tuple[str, ...], *, everything: bool) -> None:
    """Owe the thumbnails anew that were given up, with all their attempts before them.

    Who makes thumbnails takes them up within seconds, or at its next start.

    \b
    chitram jobs retry G7kKzVd2yw4y
    chitram jobs retry --all
    """
    chosen = image_ids(ids, everything=everything)

    async def run() -> tuple[list[str], str]:
        async with it.database() as database:
            failed = await SqlInventory(database).with_thumbnails(Thumbnails.FAILED, MANY)
            wanted = [one.id for one in failed if everything or one.id in chosen]
            async with writing_cache(it.settings, database) as (cache, reach):
                images = CachedImages(SqlImages(database, image_body), cache)
                batches = [wanted[start : start + BATCH] for start in range(0, len(wanted), BATCH)]
                owed = [image_id for batch in batches for image_id in await images.owe_again(batch)]
                return owed, reach.sentence()

    owed, sentence = asyncio.run(run())
    if not owed:
        it.say({"retried": []}, "none of them was given up; see `chitram jobs dead`" if ids else "none was given up")
    else:
        words = f"owed again for {counted(len(owed), 'picture')}; {sentence}"
        it.say({"retried": owed}, f"{words}. Who makes thumbnails takes them up within seconds")


def _print(it: Workplace, state: Thumbnails, limit: int) -> int:
    async def work(database: Database) -> tuple[dict[Thumbnails, int], Sequence[ListedJob]]:
        return await SqlInventory(database).counts(), await find(database, state, limit)

    counts, some = it.ask(work)
    owed, given_up = counts[Thumbnails.PENDING], counts[Thumbnails.FAILED]
    words = f"{counted(owed, 'picture')} without thumbnails yet, {given_up} given up"
    heading = ("picture", "age", "attempts", "state", "original")
    rows = [(one.image_id, _age(one.created_at), str(one.attempts), _state(one), one.blob_key) for one in some]
    table = columns([heading, *rows]) if rows else ""
    fields = {"owed": owed, "dead": given_up, "jobs": [_fields(one, state) for one in some]}
    it.say(fields, "\n".join(part for part in (table, words) if part))
    return counts[state]


def _fields(one: ListedJob, state: Thumbnails) -> dict[str, Any]:
    return {
        "id": one.image_id,
        "kind": THUMBNAILS,
        "state": state,
        "created_at": one.created_at,
        "attempts": one.attempts,
        "claimed_by": one.claimed_by,
        "reason": one.reason,
        "due_seconds": one.due,
    }


def _state(one: ListedJob) -> str:
    """What happens to it, and why not yet."""
    if one.due is None:
        return one.reason or "the log of that time says why"
    if one.claimed_by:
        return f"with {one.claimed_by}"
    if not one.due:
        return "waits"
    return f"again in {one.due:.0f} s: {one.reason}" if one.reason else f"waits for {one.due:.0f} s"


def _age(since: datetime) -> str:
    seconds = (datetime.now(UTC) - since).total_seconds()
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"

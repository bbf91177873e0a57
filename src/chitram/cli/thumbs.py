"""`chitram thumbs`: make thumbnails anew."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import closing

import click

from chitram.adapters.images_sql import SqlImages
from chitram.adapters.inventory_sql import SqlInventory
from chitram.adapters.pillow import PillowPictures
from chitram.adapters.ring_cache import CachedImages
from chitram.cli.bar import bar
from chitram.cli.image_ids import behind, image_ids
from chitram.cli.live import opened_storage, writing_cache
from chitram.cli.logging import only_errors
from chitram.cli.words import counted
from chitram.cli.workplace import Workplace, place_options, placed
from chitram.handlers.present import image_body
from chitram.services.image_ports import Original
from chitram.services.thumbnails import Thumbnailer

BATCH = 100


@click.group()
@place_options
def thumbs() -> None:
    """Make thumbnails anew.

    \b
    chitram thumbs rebuild G7kKzVd2yw4y      of one picture
    chitram thumbs rebuild --all             of all of them
    """


@thumbs.command()
@click.argument("ids", nargs=-1, metavar="[ID…]")
@click.option("--all", "everything", is_flag=True, help="Of every picture.")
@click.option("--after", metavar="ID", help="With --all: go on behind this picture.")
@placed
def rebuild(it: Workplace, ids: tuple[str, ...], *, everything: bool, after: str | None) -> None:
    """Draw thumbnails again and put them over those that are there. This command draws; the service goes on meanwhile.

    Exit code: 0 if all were made, 1 if some could not be, 130 after Ctrl-C (what is made stays).

    \b
    chitram thumbs rebuild G7kKzVd2yw4y
    chitram thumbs rebuild --all --data data
    """
    chosen, start = image_ids(ids, everything=everything), behind(after)
    if start and chosen:
        raise click.UsageError("--after goes on behind a picture with --all: name no other ones")
    done: list[str] = []
    failed: dict[str, str] = {}
    stopped = ""
    try:
        asyncio.run(_rebuild(it, chosen, start, done, failed))
    except KeyboardInterrupt:
        stopped = "interrupted" + (
            f": go on with `{it.again('thumbs rebuild')} --all --after {max(done)}`" if done else ""
        )
    lost = sorted(chosen - {*done}) if not stopped else []
    lines = [f"none can be made of {image_id}: {reason}" for image_id, reason in failed.items()]
    lines += [f"there is no picture {image_id}" for image_id in lost]
    words = f"thumbnails of {counted(len(done) - len(failed), 'picture')} made"
    fields = {"made": len(done) - len(failed), "failed": [*failed], "unknown": lost, "stopped": stopped or None}
    it.say(fields, "\n".join([*lines, *([stopped] if stopped else []), words]))
    if stopped or failed or lost:
        raise SystemExit(130 if stopped else 1)


async def _rebuild(it: Workplace, chosen: Collection[str], after: str, done: list[str], failed: dict[str, str]) -> None:
    with only_errors(), closing(PillowPictures(max_pixels=it.settings.max_pixels)) as pictures:
        async with (
            it.database() as database,
            opened_storage(it.settings) as storage,
            writing_cache(it.settings, database) as (cache, _),
        ):
            images = CachedImages(SqlImages(database, image_body), cache)
            thumbnailer = Thumbnailer(images=images, storage=storage, pictures=pictures)
            inventory = SqlInventory(database)
            total = len(chosen) or sum((await inventory.counts()).values())
            click.echo(
                f"draws over the thumbnails of {counted(total, 'picture')}; originals stay as they are", err=True
            )
            with bar("drawing", total) as advance:
                async for one in _each(inventory, chosen, after):
                    if reason := await thumbnailer.make(one.id, one.blob_key):
                        failed[one.id] = reason
                    done.append(one.id)
                    advance()


async def _each(inventory: SqlInventory, chosen: Collection[str], after: str) -> AsyncIterator[Original]:
    while batch := await _batch(inventory, chosen, after):
        for one in batch:
            yield one
        if chosen:
            return
        after = batch[-1].id


async def _batch(inventory: SqlInventory, chosen: Collection[str], after: str) -> Sequence[Original]:
    return await (inventory.named(chosen) if chosen else inventory.originals(after, BATCH))

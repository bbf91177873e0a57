"""Bring a backup into a data directory that is empty: every file is checked on its way, the database comes last."""

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import URL

from chitram.adapters.database import Database
from chitram.adapters.inventory_sql import SqlInventory
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.adapters.schema import migrate
from chitram.adapters.snapshot_sqlite import digest_of, is_whole, owe_thumbnails
from chitram.cli.backups.archive import BLOBS, DATABASE, MANIFEST, Reader, copy
from chitram.cli.backups.taking import BATCH, FORMAT
from chitram.domain.identifiers import parse_image_id
from chitram.domain.image import Thumbnails
from chitram.domain.thumbnail import original_key, thumbnail_keys
from chitram.services.image_ports import Original


@dataclass(slots=True)
class Restored:
    """What has come back, and which pictures' originals are not what they were."""

    pictures: int = 0
    damaged: list[str] = field(default_factory=list)


def prepare(reader: Reader, directory: Path) -> Path:
    """Put the backup's database into *directory*, not yet under its name, in the schema of this version.

    Blocks, and runs an event loop of its own. Raises ClickException for a backup that is damaged or of a later format.
    """
    manifest = _manifest(reader)
    fresh = directory / f"{DATABASE}.restoring"
    try:
        with reader.open(DATABASE) as file:
            copy(file, fresh)
    except KeyError:
        raise click.ClickException("the backup has no database: it is damaged, take another one") from None
    if digest_of(fresh) != manifest.get("database_sha256") or not is_whole(fresh):
        raise click.ClickException("the backup's database is damaged: its checksum is another one; take another backup")
    migrate(_url(fresh))
    return fresh


async def restore(
    reader: Reader, fresh: Path, directory: Path, progress: Callable[[int], Callable[[], None]]
) -> Restored:
    """The files that the prepared database names, then the database's new identity and its name."""
    database, restored = Database(_url(fresh)), Restored()
    try:
        inventory = SqlInventory(database)
        advance = progress(sum((await inventory.counts()).values()))
        after = ""
        while batch := await inventory.originals(after, BATCH):
            await owe_thumbnails(database, _bring(reader, batch, directory / BLOBS, restored, advance))
            after = batch[-1].id
        # The nodes that it names may serve the original still, and hold what this database has never seen.
        await SqlNodeSets(database).renew(without_nodes=True)
    finally:
        await database.close()
    _publish(fresh, directory / DATABASE)
    return restored


def take_back(directory: Path) -> None:
    """Remove what a restore that failed has brought."""
    shutil.rmtree(directory / BLOBS, ignore_errors=True)
    for leftover in directory.glob(f"{DATABASE}.restoring*"):
        leftover.unlink()


def _bring(
    reader: Reader, batch: Sequence[Original], blobs: Path, restored: Restored, advance: Callable[[], None]
) -> list[str]:
    """The pictures whose thumbnails are not all there."""
    bare: list[str] = []
    for original in batch:
        _require_own_place(original)
        if _copied(reader, original.blob_key, blobs) and _digest(blobs / original.blob_key) == original.sha256:
            restored.pictures += 1
        else:
            restored.damaged.append(original.id)
        ready = original.thumbnails is Thumbnails.READY
        if ready and not all(_copied(reader, key, blobs) for key in thumbnail_keys(original.id)):
            bare.append(original.id)
        advance()
    return bare


def _require_own_place(original: Original) -> None:
    # The database in a backup may say anything, such as a key that leads out of the data directory.
    if parse_image_id(original.id) != original.id or original.blob_key != original_key(original.id):
        raise click.ClickException("the backup names files that no Chitram has made: it is damaged, or means harm")


def _copied(reader: Reader, key: str, blobs: Path) -> bool:
    try:
        with reader.open(f"{BLOBS}/{key}") as file:
            copy(file, blobs / key)
    except KeyError:
        return False
    return True


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _publish(fresh: Path, database: Path) -> None:
    os.sync()  # a database that is there names files that are there, also if the power goes
    fresh.rename(database)


def _manifest(reader: Reader) -> dict[str, Any]:
    try:
        with reader.open(MANIFEST) as file:
            found = orjson.loads(file.read())
    except (KeyError, ValueError):
        raise click.ClickException(f"this is no backup of Chitram: it has no readable {MANIFEST}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise click.ClickException("this backup was made by a later version of Chitram: restore it with that version")
    return found


def _url(file: Path) -> str:
    return URL.create("sqlite+aiosqlite", database=str(file)).render_as_string()

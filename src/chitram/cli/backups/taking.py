"""Take a backup while the service runs: first the database as of one moment, then the files that this copy names.

An original is stored before its row and deleted after it. So whatever the copy names was there at that moment; what is
missing by now either belongs to a picture that was deleted since, and leaves the copy too, or is really lost.
"""

import hashlib
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import click
import orjson
from sqlalchemy import URL

from chitram.adapters.database import Database
from chitram.adapters.inventory_sql import SqlInventory
from chitram.adapters.snapshot_sqlite import digest_of, forget_images, owe_thumbnails, snapshot
from chitram.cli.backups.archive import BLOBS, DATABASE, MANIFEST, Writer
from chitram.cli.words import size
from chitram.domain.image import Thumbnails
from chitram.domain.thumbnail import thumbnail_keys
from chitram.services.image_ports import Original
from chitram.services.storage_ports import BlobStorage

FORMAT = 1
BATCH = 200


@dataclass(slots=True)
class Taken:
    """What a backup has in it, and which pictures' files were damaged or missing."""

    pictures: int = 0
    bytes: int = 0
    deleted_meanwhile: int = 0
    damaged: list[str] = field(default_factory=list)


class Taking:
    """One backup. *live* is the database that the service uses, *files* a directory for what is on its way."""

    def __init__(self, live: Database, storage: BlobStorage, writer: Writer, files: Path) -> None:
        self._live = SqlInventory(live)
        self._storage = storage
        self._writer = writer
        self._files = files
        self.taken = Taken()

    async def take(self, source: Path, progress: Callable[[int], Callable[[], None]]) -> Taken:
        """Everything. Raises ``ServiceUnavailable`` when database or storage cannot be read any more."""
        copy = self._files / DATABASE
        snapshot(source, copy)
        database = Database(URL.create("sqlite+aiosqlite", database=str(copy)).render_as_string())
        try:
            inventory = SqlInventory(database)
            advance = progress(sum((await inventory.counts()).values()))
            after = ""
            while batch := await inventory.originals(after, BATCH):
                _require_room(batch, self._files)
                await self._take_batch(database, batch, advance)
                after = batch[-1].id
        finally:
            await database.close()
        self._finish(copy)
        return self.taken

    async def _take_batch(self, database: Database, batch: Sequence[Original], advance: Callable[[], None]) -> None:
        gone, bare = [], []
        for original in batch:
            if not await self._take_original(original):
                gone.append(original.id)
            elif original.thumbnails is Thumbnails.READY and not await self._take_thumbnails(original):
                bare.append(original.id)
            advance()
        if gone:
            still = await self._live.known(gone)
            self.taken.damaged += sorted(still)
            self.taken.deleted_meanwhile += len(gone) - len(still)
            await forget_images(database, set(gone) - still)
        if bare:
            await owe_thumbnails(database, bare)

    async def _take_original(self, original: Original) -> bool:
        digest = await self._take_blob(original.blob_key)
        if digest is None:
            return False
        if digest != original.sha256:
            self.taken.damaged.append(original.id)
        self.taken.pictures += 1
        return True

    async def _take_thumbnails(self, original: Original) -> bool:
        return all([await self._take_blob(key) is not None for key in thumbnail_keys(original.id)])

    async def _take_blob(self, key: str) -> str | None:
        """Its SHA-256; ``None`` if there is no such file."""
        digest, passing = hashlib.sha256(), self._files / "blob"
        try:
            async with self._storage.open(key) as blob:
                with passing.open("wb") as file:
                    async for chunk in blob.read(0, blob.size):
                        digest.update(chunk)
                        self.taken.bytes += file.write(chunk)
        except KeyError:
            return None
        self._writer.add(f"{BLOBS}/{key}", passing)
        return digest.hexdigest()

    def _finish(self, copy: Path) -> None:
        manifest = {
            "format": FORMAT,
            "version": version("chitram"),
            "created_at": datetime.now(UTC),
            "pictures": self.taken.pictures,
            "bytes": self.taken.bytes,
            "database_sha256": digest_of(copy),
        }
        self._writer.add(DATABASE, copy)
        written = self._files / MANIFEST
        written.write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
        self._writer.add(MANIFEST, written)


def _require_room(batch: Sequence[Original], files: Path) -> None:
    needed, free = sum(original.size for original in batch), shutil.disk_usage(files).free
    if needed > free:
        raise click.ClickException(f"there is no room for the backup: {size(free)} left; name a place on another disk")

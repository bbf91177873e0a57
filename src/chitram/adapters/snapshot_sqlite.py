"""A copy of an SQLite database as of one moment, while others write to it; and what a copy must be told."""

import hashlib
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

from sqlalchemy import delete, update

from chitram.adapters.database import WAIT_SECONDS, Database
from chitram.adapters.tables import images
from chitram.domain.errors import ServiceUnavailable
from chitram.domain.image import Thumbnails


def snapshot(source: Path, target: Path) -> None:
    """Copy *source* as of now into the new file *target*. Blocks. Raises ``ServiceUnavailable``."""
    try:
        with closing(sqlite3.connect(source, timeout=WAIT_SECONDS)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        raise ServiceUnavailable(f"The database cannot be copied: {error}.") from error


def is_whole(file: Path) -> bool:
    """Whether SQLite finds nothing wrong with a database."""
    try:
        with closing(sqlite3.connect(file)) as connection:
            return connection.execute("PRAGMA integrity_check(1)").fetchall() == [("ok",)]
    except sqlite3.Error:
        return False


def digest_of(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


async def forget_images(database: Database, image_ids: Collection[str]) -> None:
    """Take rows out of a copy that nobody reads yet: nothing is logged, since its log gets a new identity."""
    async with database.write() as connection:
        await connection.execute(delete(images).where(images.c.id.in_(image_ids)))


async def owe_thumbnails(database: Database, image_ids: Collection[str]) -> None:
    """Note in such a copy whose thumbnails are not with it."""
    change = update(images).where(images.c.id.in_(image_ids)).values(thumbnails=Thumbnails.PENDING)
    async with database.write() as connection:
        await connection.execute(change)

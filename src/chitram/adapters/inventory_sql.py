"""The inventory port in SQL: which originals there should be, and how their thumbnails stand."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, Select, func, select

from chitram.adapters.database import Database
from chitram.adapters.tables import images
from chitram.domain.identifiers import ImageId
from chitram.domain.image import Thumbnails
from chitram.services.image_ports import Original

_COLUMNS = (
    images.c.id,
    images.c.blob_key,
    images.c.sha256,
    images.c.file_size,
    images.c.thumbnails,
    images.c.created_at,
)


class SqlInventory:
    """Reads rows, never through a cache."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def originals(self, after: str, limit: int) -> Sequence[Original]:
        """By id, those that follow *after*."""
        query = select(*_COLUMNS).where(images.c.id > after).order_by(images.c.id)
        return await self._read(query.limit(limit))

    async def sample(self, count: int) -> Sequence[Original]:
        """So many by chance."""
        return await self._read(select(*_COLUMNS).order_by(func.random()).limit(count))

    async def named(self, image_ids: Collection[str]) -> Sequence[Original]:
        """Those among these ids that there are."""
        return await self._read(select(*_COLUMNS).where(images.c.id.in_(image_ids)).order_by(images.c.id))

    async def with_thumbnails(self, state: Thumbnails, limit: int) -> Sequence[Original]:
        """The oldest whose thumbnails stand like this."""
        query = select(*_COLUMNS).where(images.c.thumbnails == state).order_by(images.c.created_at)
        return await self._read(query.limit(limit))

    async def counts(self) -> dict[Thumbnails, int]:
        """How many images' thumbnails stand how."""
        query = select(images.c.thumbnails, func.count()).group_by(images.c.thumbnails)
        async with self._database.read() as connection:
            found = {Thumbnails(state): number for state, number in (await connection.execute(query)).all()}
        return {state: found.get(state, 0) for state in Thumbnails}

    async def known(self, image_ids: Collection[str]) -> set[str]:
        """Which ids have a row."""
        query = select(images.c.id).where(images.c.id.in_(image_ids))
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def _read(self, query: Select[Any]) -> list[Original]:
        async with self._database.read() as connection:
            return [_original(row) for row in await connection.execute(query)]


def _original(row: Row[Any]) -> Original:
    state = Thumbnails(row.thumbnails)
    return Original(ImageId(row.id), row.blob_key, row.sha256, row.file_size, state, row.created_at)

"""What accounts use and may use, in SQL. The sum is read from an index, never kept: nothing can make it wrong."""

from collections.abc import Mapping

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from chitram.adapters.database import Database
from chitram.adapters.tables import images, user_quotas, users
from chitram.domain.image import Image
from chitram.domain.quota import UNLIMITED, Usage

_SUM = (func.count().label("pictures"), func.coalesce(func.sum(images.c.file_size), 0).label("used"))


async def take_turn(connection: AsyncConnection, user_id: str) -> None:
    """Make an account's uploads take turns from here to their commits. SQLite, which knows no such lock, has one writer
    at a time anyway.
    """
    # Not the stronger FOR UPDATE, for which the foreign keys of other writers would have to wait.
    await connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update(key_share=True))


class SqlQuotas:
    """*default* is what an account may use that was given no quota of its own, in bytes; ``None``: anything."""

    def __init__(self, database: Database, default: int | None) -> None:
        self._database = database
        self._default = default

    async def usage(self, user_id: str) -> Usage:
        """What the account uses and may."""
        async with self._database.read() as connection:
            quota, own = await self._quota(connection, user_id)
            return await _usage(connection, user_id, quota, own=own)

    async def room(self, user_id: str) -> Usage:
        """The same for whoever only wants to know what fits: where nothing limits it, nothing is summed up."""
        async with self._database.read() as connection:
            quota, own = await self._quota(connection, user_id)
            return UNLIMITED if quota is None else await _usage(connection, user_id, quota, own=own)

    async def require_room(self, connection: AsyncConnection, image: Image) -> None:
        """Raise ``QuotaExceeded`` unless *image*, which this transaction adds, fits in.

        The transaction has its owner's turn (:func:`take_turn`), so the sum has every upload before it.
        """
        if image.owner_id is None:
            return
        quota, own = await self._quota(connection, image.owner_id)
        if quota is None:
            return
        (await _usage(connection, image.owner_id, quota, own=own)).require(image.file_size)

    async def everybody(self) -> Mapping[str, Usage]:
        """By account id."""
        sums = select(images.c.owner_id, *_SUM).group_by(images.c.owner_id).subquery()
        query = select(
            users.c.id, user_quotas.c.user_id, user_quotas.c.bytes, sums.c.pictures, sums.c.used
        ).select_from(users.outerjoin(user_quotas).outerjoin(sums, sums.c.owner_id == users.c.id))
        async with self._database.read() as connection:
            return {
                row.id: self._listed(row.user_id is not None, row.bytes, row.used, row.pictures)
                for row in await connection.execute(query)
            }

    async def allow(self, user_id: str, quota: int | None) -> None:
        """Give an account a quota of its own; ``None``: no limit, whatever the default is."""
        async with self._database.write() as connection:
            await connection.execute(delete(user_quotas).where(user_quotas.c.user_id == user_id))
            await connection.execute(insert(user_quotas).values(user_id=user_id, bytes=quota))

    async def allow_default(self, user_id: str) -> None:
        """Take an account's own quota back."""
        async with self._database.write() as connection:
            await connection.execute(delete(user_quotas).where(user_quotas.c.user_id == user_id))

    async def _quota(self, connection: AsyncConnection, user_id: str) -> tuple[int | None, bool]:
        query = select(user_quotas.c.bytes).where(user_quotas.c.user_id == user_id)
        row = (await connection.execute(query)).one_or_none()
        return (row.bytes, True) if row else (self._default, False)

    def _listed(self, own: bool, quota: int | None, used: int | None, pictures: int | None) -> Usage:
        return Usage(int(used or 0), quota if own else self._default, pictures or 0, own)


async def _usage(connection: AsyncConnection, user_id: str, quota: int | None, *, own: bool) -> Usage:
    row = (await connection.execute(select(*_SUM).where(images.c.owner_id == user_id))).one()
    return Usage(int(row.used), quota, row.pictures, own)

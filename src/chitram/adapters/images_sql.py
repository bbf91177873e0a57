"""The metadata of images in SQL. Whatever changes what is cached ends with its entry in the invalidation log."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from chitram.adapters.database import Database
from chitram.adapters.invalidation_log_sql import append
from chitram.adapters.jobs_sql import bury, close, forget, owe
from chitram.adapters.quotas_sql import take_turn
from chitram.adapters.tables import images
from chitram.domain.errors import ImageNotFound, PreconditionFailed
from chitram.domain.identifiers import ImageId
from chitram.domain.image import Image, Thumbnails, Visibility
from chitram.domain.media import MediaType
from chitram.domain.page import Cursor
from chitram.services.image_ports import Document, ImageChanges, Listing
from chitram.services.job_ports import Job
from ring import Commit

Encode = Callable[[Image], bytes]
"""How an image becomes the body that clients get."""
RequireRoom = Callable[[AsyncConnection, Image], Awaitable[None]]
"""Refuses an image that its owner has no room for, in the very transaction that is to add it."""


async def _always_room(_connection: AsyncConnection, _image: Image) -> None:
    """For whoever adds nothing."""


_NEWEST_FIRST = (images.c.created_at.desc(), images.c.id.desc())


def cache_key(image_id: str) -> str:
    """Under which key an image is cached and logged."""
    return f"image:{image_id}"


def image_id_of(key: str) -> str:
    """The image that a key of :func:`cache_key` is about."""
    return key.removeprefix("image:")


class SqlImages:
    """Rows in, documents out. Writing methods return the commit that the cache has to acknowledge."""

    def __init__(self, database: Database, encode: Encode, require_room: RequireRoom = _always_room) -> None:
        self._database = database
        self._encode = encode
        self._require_room = require_room

    async def load(self, image_id: ImageId) -> Document | None:
        """Read one image from the primary."""
        async with self._database.read() as connection:
            image = await _read(connection, image_id)
        return self._document(image) if image else None

    async def load_many(self, image_ids: Collection[str]) -> dict[str, Document]:
        """Read several images in one query; those without a row are left out."""
        query = select(images).where(images.c.id.in_(image_ids))
        async with self._database.read() as connection:
            found = [_image(row) for row in await connection.execute(query)]
        return {image.id: self._document(image) for image in found}

    async def page(self, listing: Listing, after: Cursor | None, limit: int) -> Sequence[Cursor]:
        """Which images come next, newest first; their cursors are read from an index alone."""
        query = select(images.c.created_at, images.c.id).where(*_matching(listing)).order_by(*_NEWEST_FIRST)
        async with self._database.read() as connection:
            rows = await connection.execute(_following(query.limit(limit), after))
            return [Cursor(row.created_at, ImageId(row.id)) for row in rows]

    async def owned(self, owner_id: str, after: Cursor | None, limit: int) -> Sequence[Image]:
        """An account's images, newest first, whole."""
        query = select(images).where(images.c.owner_id == owner_id).order_by(*_NEWEST_FIRST)
        async with self._database.read() as connection:
            return [_image(row) for row in await connection.execute(_following(query.limit(limit), after))]

    async def count(self, listing: Listing) -> int:
        """How many rows match."""
        query = select(func.count()).select_from(images).where(*_matching(listing))
        async with self._database.read() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def add(self, image: Image, *, delete_token_sha256: str | None) -> tuple[Document, Commit | None]:
        """Insert. Logged too: somebody may have cached that this id is unknown. Raises ``QuotaExceeded``.

        If its owner has an image of the same bytes, that one is given and nothing is committed.
        """
        row = {name: getattr(image, name) for name in Image.__slots__} | {"delete_token_sha256": delete_token_sha256}
        async with self._database.write() as connection:
            if (twin := await _twin(connection, image)) is not None:
                return self._document(twin), None
            await self._require_room(connection, image)
            await connection.execute(insert(images).values(row))
            if image.thumbnails is Thumbnails.PENDING:
                await owe(connection, image.id)
            commit = await append(connection, cache_key(image.id))
        return self._document(image), commit

    async def change(
        self, image_id: ImageId, changes: ImageChanges, *, if_match: str | None
    ) -> tuple[Document, Commit]:
        """Update what *changes* names. Raises ``ImageNotFound`` and ``PreconditionFailed``."""
        async with self._database.write() as connection:
            before = await _read(connection, image_id, lock=True)
            if before is None:
                raise ImageNotFound
            if if_match is not None and if_match != self._document(before).etag:
                raise PreconditionFailed
            after = _changed(before, changes)
            values = {"title": after.title, "visibility": after.visibility, "updated_at": after.updated_at}
            await connection.execute(update(images).where(images.c.id == image_id).values(values))
            commit = await append(connection, cache_key(image_id))
        return self._document(after), commit

    async def remove(self, image_id: ImageId) -> Commit | None:
        """Delete the row; ``None`` when there was none."""
        async with self._database.write() as connection:
            if not (await connection.execute(delete(images).where(images.c.id == image_id))).rowcount:
                return None
            return await append(connection, cache_key(image_id))

    async def settle_thumbnails(
        self, image_id: ImageId, *, reason: str | None = None, job: Job | None = None
    ) -> Commit | None:
        """Note the outcome; ``None`` when the image is gone, or the job is somebody else's by now."""
        state = Thumbnails.READY if reason is None else Thumbnails.FAILED
        async with self._database.write() as connection:
            if not await _lock(connection, image_id):
                return None
            ended = close(connection, image_id, job) if reason is None else bury(connection, image_id, job, reason)
            if not await ended:
                return None
            await connection.execute(update(images).where(images.c.id == image_id).values(thumbnails=state))
            return await append(connection, cache_key(image_id))

    async def owe_again(self, image_ids: Collection[str]) -> tuple[list[str], Commit | None]:
        """Owe the thumbnails of those among these images whose were given up; which they are."""
        failed = (images.c.thumbnails == Thumbnails.FAILED) & images.c.id.in_(image_ids)
        change = update(images).where(failed).values(thumbnails=Thumbnails.PENDING).returning(images.c.id)
        async with self._database.write() as connection:
            owed = list((await connection.execute(change)).scalars())
            if not owed:
                return [], None
            await forget(connection, *owed)
            await owe(connection, *owed)
            return owed, await append(connection, *map(cache_key, owed))

    async def delete_token_sha256(self, image_id: ImageId) -> str | None:
        """Read from the primary every time."""
        query = select(images.c.delete_token_sha256).where(images.c.id == image_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def known(self, image_ids: Collection[str]) -> set[str]:
        """Which ids have a row."""
        query = select(images.c.id).where(images.c.id.in_(image_ids))
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())

    def _document(self, image: Image) -> Document:
        body = self._encode(image)
        etag = blake2b(body, digest_size=16).hexdigest()
        return Document(image.visibility, image.owner_id, image.blob_key, etag, body)


def _changed(image: Image, changes: ImageChanges) -> Image:
    return replace(
        image,
        title=image.title if changes.title is None else changes.title.strip(),
        visibility=changes.visibility or image.visibility,
        updated_at=datetime.now(UTC),
    )


def _matching(listing: Listing) -> list[ColumnElement[bool]]:
    wanted = {"owner_id": listing.owner_id, "visibility": listing.visibility, "sha256": listing.sha256}
    return [images.c[name] == value for name, value in wanted.items() if value is not None]


def _following(query: Select[Any], after: Cursor | None) -> Select[Any]:
    if after is None:
        return query
    same_moment = and_(images.c.created_at == after.created_at, images.c.id < after.id)
    return query.where(or_(images.c.created_at < after.created_at, same_moment))


async def _lock(connection: AsyncConnection, image_id: ImageId) -> bool:
    """Whether it is there, and then until the transaction ends."""
    query = select(images.c.id).where(images.c.id == image_id).with_for_update()
    return (await connection.execute(query)).first() is not None


async def _twin(connection: AsyncConnection, image: Image) -> Image | None:
    """What its owner has of the same bytes. If nothing, then until the transaction ends."""
    if image.owner_id is None:
        return None
    await take_turn(connection, image.owner_id)
    same = (images.c.owner_id == image.owner_id) & (images.c.sha256 == image.sha256)
    row = (await connection.execute(select(images).where(same).order_by(*_NEWEST_FIRST).limit(1))).one_or_none()
    return _image(row) if row else None


async def _read(connection: AsyncConnection, image_id: ImageId, *, lock: bool = False) -> Image | None:
    query = select(images).where(images.c.id == image_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).one_or_none()
    return _image(row) if row else None


def _image(row: Row[Any]) -> Image:
    return Image(
        id=ImageId(row.id),
        owner_id=row.owner_id,
        visibility=Visibility(row.visibility),
        filename=row.filename,
        title=row.title,
        media_type=MediaType(row.media_type),
        file_size=row.file_size,
        width=row.width,
        height=row.height,
        sha256=row.sha256,
        color=row.color,
        blob_key=row.blob_key,
        thumbnails=Thumbnails(row.thumbnails),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )

"""Images behind the ring: reads go through the cache, and a write returns only when no cache can show its past."""

from collections.abc import Awaitable, Collection, Sequence
from functools import partial

from chitram.adapters.images_sql import SqlImages, cache_key, image_id_of
from chitram.domain.identifiers import ImageId
from chitram.domain.image import Image, Visibility
from chitram.domain.page import Cursor
from chitram.services.image_ports import Document, Fetched, ImageChanges, Listed, Listing
from chitram.services.job_ports import Job
from ring import RingCache


class CachedImages:
    """The images port: :class:`SqlImages` with a :class:`ring.RingCache` in front."""

    def __init__(self, rows: SqlImages, cache: RingCache) -> None:
        self._rows = rows
        self._cache = cache

    def fetch(self, image_id: ImageId) -> Awaitable[Fetched]:
        """One document; the database is asked only when no trusted node has it."""
        return self._cache.get_or_load(cache_key(image_id), partial(self._load, image_id), unpack)

    async def page(self, listing: Listing, after: Cursor | None, limit: int) -> Listed:
        """Which ones, the database says; what they are, the cache: one request a node, one query for the misses.

        An image that left the list between the two is not shown, as if the list had been read a moment later.
        """
        cursors = await self._rows.page(listing, after, limit + 1)
        shown = cursors[:limit]
        found = await self._cache.get_many([cache_key(cursor.id) for cursor in shown], self._load_many)
        documents = (unpack(answer.value) for answer in found.values() if answer.value)
        fitting = tuple(document for document in documents if _belongs(document, listing))
        return Listed(fitting, shown[-1] if len(cursors) > limit else None)

    async def count(self, listing: Listing) -> int:
        """From the database."""
        return await self._rows.count(listing)

    async def add(self, image: Image, *, delete_token_sha256: str | None) -> Document:
        """Insert, then forget that the id was unknown."""
        document, commit = await self._rows.add(image, delete_token_sha256=delete_token_sha256)
        if commit is not None:
            await self._cache.acknowledge(commit)
        return document

    async def change(self, image_id: ImageId, changes: ImageChanges, *, if_match: str | None) -> Document:
        """Update, then see to it that nobody reads the older version."""
        document, commit = await self._rows.change(image_id, changes, if_match=if_match)
        await self._cache.acknowledge(commit)
        return document

    async def remove(self, image_id: ImageId) -> bool:
        """Delete, then see to it that nobody reads it any more."""
        if (commit := await self._rows.remove(image_id)) is None:
            return False
        await self._cache.acknowledge(commit)
        return True

    async def settle_thumbnails(self, image_id: ImageId, *, reason: str | None = None, job: Job | None = None) -> bool:
        """Note the outcome, then let everybody see it."""
        if (commit := await self._rows.settle_thumbnails(image_id, reason=reason, job=job)) is None:
            return False
        await self._cache.acknowledge(commit)
        return True

    async def owe_again(self, image_ids: Collection[str]) -> list[str]:
        """Owe thumbnails that were given up, and let everybody see it; whose they are."""
        owed, commit = await self._rows.owe_again(image_ids)
        if commit is not None:
            await self._cache.acknowledge(commit)
        return owed

    async def delete_token_sha256(self, image_id: ImageId) -> str | None:
        """From the database: never cached."""
        return await self._rows.delete_token_sha256(image_id)

    async def known(self, image_ids: Collection[str]) -> set[str]:
        """From the database."""
        return await self._rows.known(image_ids)

    async def _load(self, image_id: ImageId) -> bytes | None:
        document = await self._rows.load(image_id)
        return pack(document) if document else None

    async def _load_many(self, keys: Sequence[str]) -> dict[str, bytes | None]:
        documents = await self._rows.load_many([image_id_of(key) for key in keys])
        return {cache_key(image_id): pack(document) for image_id, document in documents.items()}


def _belongs(document: Document, listing: Listing) -> bool:
    owner = listing.owner_id in {None, document.owner_id}
    return owner and listing.visibility in {None, document.visibility}


def pack(document: Document) -> bytes:
    """A cached value: what decides who may see it and where its bytes lie, in one line, then the body as it is sent.

    The line is the visibility's letter, the ETag, the owner or nothing, and the blob's key, with spaces between.
    """
    letter, owner = _LETTERS[document.visibility], document.owner_id or ""
    return f"{letter} {document.etag} {owner} {document.blob_key}\n".encode() + document.body


def unpack(value: bytes) -> Document:
    """Read what :func:`pack` wrote."""
    line, _, body = value.partition(b"\n")
    letter, etag, owner, blob_key = line.decode().split(" ")
    return Document(_VISIBILITIES[letter], owner or None, blob_key, etag, body)


_VISIBILITIES = {"r": Visibility.PRIVATE, "l": Visibility.UNLISTED, "p": Visibility.PUBLIC}
_LETTERS = {visibility: letter for letter, visibility in _VISIBILITIES.items()}

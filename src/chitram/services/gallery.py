"""See, list, change and delete images."""

import hmac
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

from chitram.domain.errors import (
    ImageNotFound,
    NotFound,
    Problem,
    ServiceUnavailable,
    ThumbnailNotReady,
    Unauthorized,
    ValidationFailed,
)
from chitram.domain.identifiers import ImageId, parse_image_id
from chitram.domain.image import Caller, Visibility, may_see, refuse_change, refuse_delete, title_problem
from chitram.domain.page import Cursor, Page
from chitram.domain.thumbnail import SIZES, ThumbnailFormat, thumbnail_key, thumbnail_keys
from chitram.services.image_ports import CacheResult, Document, ImageChanges, Images, Listing
from chitram.services.storage_ports import Blob, BlobStorage
from chitram.services.uploads import hash_token

_SHA256 = re.compile(r"[0-9a-f]{64}")


class Seen(NamedTuple):
    """A document that the caller may see, and how it was found."""

    id: ImageId
    document: Document
    result: CacheResult
    node: str | None


class Gallery:
    """Every way to an image. A private one of somebody else is missing."""

    def __init__(self, *, images: Images, storage: BlobStorage) -> None:
        self._images = images
        self._storage = storage

    async def see(self, spelled_id: str, caller: Caller) -> Seen:
        """The image by its UUID or short id. Raises ``ImageNotFound``."""
        image_id = parse_image_id(spelled_id)
        if image_id is None:
            raise ImageNotFound
        document, result, node = await self._images.fetch(image_id)
        if document is None or not may_see(document.visibility, document.owner_id, caller):
            raise ImageNotFound
        return Seen(image_id, document, result, node)

    async def public(self, cursor: str | None, limit: int) -> Page[Document]:
        """A page of the public gallery, newest first."""
        return await self._page(Listing(visibility=Visibility.PUBLIC), cursor, limit)

    async def mine(
        self, caller: Caller, cursor: str | None, limit: int, *, sha256: str | None = None
    ) -> Page[Document]:
        """A page of the caller's own images. Raises ``Unauthorized`` and ``ValidationFailed``."""
        if sha256 is not None and not _SHA256.fullmatch(sha256):
            raise ValidationFailed(Problem("/sha256", "Use 64 lower-case hexadecimal digits."))
        return await self._page(Listing(owner_id=_signed_in(caller), sha256=sha256), cursor, limit)

    @asynccontextmanager
    async def original(self, spelled_id: str, caller: Caller) -> AsyncIterator[tuple[Seen, Blob]]:
        """The stored bytes as they were uploaded. Raises ``ImageNotFound``; ``ServiceUnavailable`` when lost."""
        seen = await self.see(spelled_id, caller)
        async with self._open(seen, seen.document.blob_key, ServiceUnavailable("The file cannot be read.")) as blob:
            yield seen, blob

    @asynccontextmanager
    async def thumbnail(
        self, spelled_id: str, size: int, kind: ThumbnailFormat, caller: Caller
    ) -> AsyncIterator[tuple[Seen, Blob]]:
        """One thumbnail. Raises ``ImageNotFound``, ``ThumbnailNotReady``."""
        if size not in SIZES:
            raise NotFound("Thumbnails come in 150, 300 and 600 pixels.")
        seen = await self.see(spelled_id, caller)
        async with self._open(seen, thumbnail_key(seen.id, size, kind), ThumbnailNotReady()) as blob:
            yield seen, blob

    async def change(
        self, spelled_id: str, caller: Caller, changes: ImageChanges, *, if_match: str | None = None
    ) -> Document:
        """Change title or visibility. Raises ``ImageNotFound``, ``Unauthorized``, ``Forbidden``,
        ``PreconditionFailed``, ``ValidationFailed``.
        """
        if changes.title is not None and (problem := title_problem(changes.title)):
            raise ValidationFailed(problem)
        image_id, document = await self._existing(spelled_id)
        if refusal := refuse_change(document.visibility, document.owner_id, caller):
            raise refusal
        return await self._images.change(image_id, changes, if_match=if_match)

    async def delete(self, spelled_id: str, caller: Caller, *, token: str | None = None) -> None:
        """Delete metadata, original, thumbnails and every cached copy. Raises what the rules of ``refuse_delete`` say.

        The row goes first: a storage that fails leaves files that housekeeping collects, never a row that comes back.
        """
        image_id, document = await self._existing(spelled_id)
        stored = await self._images.delete_token_sha256(image_id) if token and document.owner_id is None else None
        matches = bool(token and stored) and hmac.compare_digest(hash_token(token or ""), stored or "")
        if refusal := refuse_delete(
            document.visibility, document.owner_id, caller, token_given=bool(token), token_matches=matches
        ):
            raise refusal
        if not await self._images.remove(image_id):
            raise ImageNotFound
        await self._drop_blobs(image_id, document)

    async def _drop_blobs(self, image_id: ImageId, document: Document) -> None:
        try:
            await self._storage.delete([document.blob_key, *thumbnail_keys(image_id)])
        except ServiceUnavailable:
            return  # the image is gone for everyone; the next sweep finds the files

    async def _existing(self, spelled_id: str) -> tuple[ImageId, Document]:
        image_id = parse_image_id(spelled_id)
        if image_id is None:
            raise ImageNotFound
        document, _, _ = await self._images.fetch(image_id)
        if document is None:
            raise ImageNotFound
        return image_id, document

    async def _page(self, listing: Listing, cursor: str | None, limit: int) -> Page[Document]:
        after = Cursor.decode(cursor) if cursor else None
        listed = await self._images.page(listing, after, limit)
        return Page(listed.documents, listed.following.encode() if listed.following else None)

    @asynccontextmanager
    async def _open(self, seen: Seen, key: str, missing: Exception) -> AsyncIterator[Blob]:
        async with AsyncExitStack() as stack:
            try:
                blob = await stack.enter_async_context(self._storage.open(key))
            except KeyError:
                # A delete may have won the race between the metadata and the bytes.
                fresh, _, _ = await self._images.fetch(seen.id)
                raise (missing if fresh else ImageNotFound()) from None
            yield blob


def _signed_in(caller: Caller) -> str:
    if caller.user_id is None:
        raise Unauthorized
    return caller.user_id

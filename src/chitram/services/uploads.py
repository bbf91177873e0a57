"""Take a picture in: a place in the queue, the bytes to a temporary file, a look at them, storage, then the row.

The row comes last, so a picture that is listed is whole; a file without a row is what :mod:`housekeeping` collects.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from chitram.domain.errors import (
    EmptyFile,
    FileTooLarge,
    InvalidFileFormat,
    Problem,
    QuotaExceeded,
    ServiceUnavailable,
    Unauthorized,
    ValidationFailed,
)
from chitram.domain.filename import safe_filename, title_from
from chitram.domain.identifiers import ImageId, new_image_id
from chitram.domain.image import MAX_TITLE_LENGTH, Caller, Image, Thumbnails, Visibility, title_problem
from chitram.domain.media import MediaType, contradicts
from chitram.domain.quota import UNLIMITED, Usage
from chitram.domain.thumbnail import original_key
from chitram.services.image_ports import Document, Images, Listing, Quotas
from chitram.services.picture_ports import Inspected, Pictures
from chitram.services.storage_ports import BlobStorage, Staged


@dataclass(frozen=True, slots=True)
class Incoming:
    """One file of a request: what the client says of it, and its bytes."""

    filename: str | None
    declared_type: str | None
    chunks: AsyncIterator[bytes]


@dataclass(slots=True)
class UploadOptions:
    """What the client wants; may be filled in while the request is being read, before the row is written."""

    title: str | None = None
    visibility: Visibility = Visibility.UNLISTED


@dataclass(frozen=True, slots=True)
class Uploaded:
    """*delete_token* is there once, for an anonymous upload; *duplicate* says that the caller had this picture."""

    document: Document
    delete_token: str | None = None
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """Sizes in bytes, times in seconds."""

    max_bytes: int
    allowed_types: frozenset[MediaType]
    anonymous: bool
    concurrency: int
    wait: float


class Uploads:
    """Receive pictures, at most ``limits.concurrency`` at once."""

    def __init__(
        self,
        *,
        images: Images,
        storage: BlobStorage,
        pictures: Pictures,
        quotas: Quotas,
        limits: UploadLimits,
        owed: Callable[[ImageId], None],
        waited: Callable[[float], None],
    ) -> None:
        self._images = images
        self._storage = storage
        self._pictures = pictures
        self._quotas = quotas
        self._owed = owed
        self._waited = waited
        self._places = asyncio.Semaphore(limits.concurrency)
        self.limits = limits
        self.active = 0

    async def admit(self, caller: Caller) -> Usage:
        """Refuse who may not upload or is full, before anything is read; how much there is room for. Raises
        ``Unauthorized`` and ``QuotaExceeded``.
        """
        if caller.user_id is None and not self.limits.anonymous:
            raise Unauthorized("Sign in to upload pictures here.")
        usage = await self._quotas.room(caller.user_id) if caller.user_id else UNLIMITED
        usage.require(1)
        return usage

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold one of the places while a body is read. Raises ``ServiceUnavailable`` when none gets free in time."""
        asked = time.monotonic()
        try:
            async with asyncio.timeout(self.limits.wait):
                await self._places.acquire()
        except TimeoutError:
            raise ServiceUnavailable("Too many uploads at once. Try again in a moment.", retry_after=5) from None
        finally:
            self._waited(time.monotonic() - asked)
        self.active += 1
        try:
            yield
        finally:
            self.active -= 1
            self._places.release()

    @asynccontextmanager
    async def receive(self, incoming: Incoming, usage: Usage) -> AsyncIterator["Received"]:
        """Read the bytes and look at them. Raises ``EmptyFile``, ``FileTooLarge``, ``InvalidFileFormat``,
        ``TooManyPixels``, and ``QuotaExceeded`` as soon as there is more than *usage* leaves room for.

        Inside the block the picture is in a temporary file; :meth:`keep` stores it, leaving the block drops it.
        """
        async with self._storage.stage(self._within_limits(incoming.chunks, usage)) as staged:
            if not staged.size:
                raise EmptyFile
            inspected = await self._pictures.inspect(staged.path)
            self._check_type(inspected.media_type, incoming.declared_type)
            name = safe_filename(incoming.filename, extension=inspected.media_type.extension)
            yield Received(staged, inspected, name)

    async def keep(self, received: "Received", options: UploadOptions, caller: Caller) -> Uploaded:
        """Store a received picture and its row. Raises ``ValidationFailed``, ``ServiceUnavailable``, and
        ``QuotaExceeded`` when others of the same account were faster.
        """
        _check_options(options, caller)
        if (existing := await self._already_there(received.staged.sha256, caller)) is not None:
            return Uploaded(existing, duplicate=True)
        image = _image(received, options, caller)
        token = None if caller.user_id else secrets.token_urlsafe(32)
        await self._storage.store(received.staged, image.blob_key)
        try:
            document = await self._images.add(image, delete_token_sha256=hash_token(token) if token else None)
        except QuotaExceeded:
            await self._drop(image.blob_key)
            raise
        if document.blob_key != image.blob_key:  # the same bytes came twice at once
            await self._drop(image.blob_key)
            return Uploaded(document, duplicate=True)
        self._owed(image.id)
        return Uploaded(document, delete_token=token)

    async def _within_limits(self, chunks: AsyncIterator[bytes], usage: Usage) -> AsyncIterator[bytes]:
        total = 0
        async for chunk in chunks:
            total += len(chunk)
            if total > self.limits.max_bytes:
                raise FileTooLarge(self.limits.max_bytes)
            usage.require(total)
            yield chunk

    async def _drop(self, key: str) -> None:
        """It surely has no row, so nobody will ever ask for it. After any other failure there may be one."""
        with suppress(ServiceUnavailable):  # the next sweep finds it
            await self._storage.delete([key])

    def _check_type(self, actual: MediaType, declared: str | None) -> None:
        if actual not in self.limits.allowed_types:
            raise InvalidFileFormat(f"{actual.value} pictures are not accepted here.")
        if contradicts(declared, actual):
            raise InvalidFileFormat(f"The file was declared as another type, but its content is {actual.value}.")

    async def _already_there(self, sha256: str, caller: Caller) -> Document | None:
        if caller.user_id is None:
            return None
        found = await self._images.page(Listing(owner_id=caller.user_id, sha256=sha256), None, 1)
        return found.documents[0] if found.documents else None


@dataclass(frozen=True, slots=True)
class Received:
    """A picture in a temporary file, looked at."""

    staged: Staged
    inspected: Inspected
    filename: str


def hash_token(token: str) -> str:
    """What is stored of a delete token. It has 256 random bits, so a plain SHA-256 cannot be reversed."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _check_options(options: UploadOptions, caller: Caller) -> None:
    if caller.user_id is None and options.visibility is Visibility.PRIVATE:
        raise ValidationFailed(Problem("/visibility", "Sign in to upload a private picture: nobody could see it."))
    if (options.title or "").strip() and (problem := title_problem(options.title or "")):
        raise ValidationFailed(problem)


def _image(received: Received, options: UploadOptions, caller: Caller) -> Image:
    now = datetime.now(UTC)
    image_id = new_image_id()
    return Image(
        id=image_id,
        owner_id=caller.user_id,
        visibility=options.visibility,
        filename=received.filename,
        title=(options.title or "").strip() or title_from(received.filename)[:MAX_TITLE_LENGTH],
        media_type=received.inspected.media_type,
        file_size=received.staged.size,
        width=received.inspected.width,
        height=received.inspected.height,
        sha256=received.staged.sha256,
        color=received.inspected.color,
        blob_key=original_key(image_id),
        thumbnails=Thumbnails.PENDING,
        created_at=now,
        updated_at=now,
    )

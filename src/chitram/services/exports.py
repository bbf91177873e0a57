"""Everything of an account in one zip that is made while it is read: nothing is ever whole in memory or in a copy.

Each original is read and compared with its SHA-256 before its entry begins, so one that cannot be read costs a sentence
in the manifest and nothing else. Once an entry has begun it becomes whole, or the whole archive visibly does not.
"""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from chitram.domain.account import User
from chitram.domain.errors import ServiceUnavailable
from chitram.domain.filename import archive_name
from chitram.domain.identifiers import short_id
from chitram.domain.image import Image
from chitram.domain.page import Cursor
from chitram.logs import get_logger
from chitram.services.export_ports import Archive, ExportTurns, Library
from chitram.services.manifest import Manifest
from chitram.services.storage_ports import Blob, BlobStorage

log = get_logger(__name__)

MOST = 8
"""At once in one process, whoever asks: each keeps up to 10 MB (an original, notes) and a few open files for as long as
its client takes.
"""
FULL_SECONDS = 60
BATCH = 200
HELD = 4 * 1024 * 1024
"""Originals of up to so many bytes are kept while they are compared; larger ones are read twice."""
PIECE = 256 * 1024
VAIN_SECONDS = 60.0
"""After so long without reaching any original the storage is away, and waiting for each of them might take days. One
that fails at once costs nothing: what a dying disk still gives is not given up.
"""
ATTEMPTS = 3
PAUSE_SECONDS = 1.0

_LOST = "The original is lost: there is no such file in the storage."
_UNREADABLE = "The original cannot be read: {}"
_NOT_TRIED = "The storage could not be reached, so this original was not asked for."
_DAMAGED = "The original is damaged: it is not what was uploaded. It is in the archive as it is."


@dataclass(slots=True)
class Exported:
    """What an archive has in it by now: images, the bytes of their originals, and which lack theirs, by id and why."""

    images: int = 0
    bytes: int = 0
    problems: dict[str, str] = field(default_factory=dict)


class Exports:
    """Makes archives. *describe* gives an image's metadata, *archive* a new archive."""

    def __init__(
        self,
        *,
        library: Library,
        storage: BlobStorage,
        turns: ExportTurns,
        archive: Callable[[], AbstractContextManager[Archive]],
        describe: Callable[[Image], Mapping[str, Any]],
        version: str,
    ) -> None:
        self._library = library
        self._storage = storage
        self._archive = archive
        self._describe = describe
        self._version = version
        self._turns = turns
        self._places = asyncio.Semaphore(MOST)
        self.settled = turns.settled

    @asynccontextmanager
    async def turn(self, user_id: str) -> AsyncIterator[None]:
        """Have a place and the account's turn inside the block. Raises ``ExportRunning`` while somebody else has the
        turn, ``ServiceUnavailable`` while all places are taken.
        """
        if self._places.locked():
            raise ServiceUnavailable("Too many people download everything. Try again later.", retry_after=FULL_SECONDS)
        async with self._places, self._turns.turn(user_id):
            yield

    async def stream(
        self, user: User, exported: Exported, done: Callable[[], None] = lambda: None
    ) -> AsyncGenerator[bytes, None]:
        """The archive's bytes as they become ready; *exported* is kept up to date, *done* called after each image.

        Raises ``ServiceUnavailable`` when the database goes away, or the storage in the middle of an original.
        """
        with self._archive() as archive:
            manifest, vain = Manifest(archive), 0.0
            async for image in self._images(user.id):
                async with AsyncExitStack() as stack:
                    looked = _Looked(problem=_NOT_TRIED)
                    if vain < VAIN_SECONDS:
                        asked = time.monotonic()
                        looked = await self._look(image, stack)
                        if looked.unreachable:  # one lost connection should not cost a picture
                            looked = await self._look(image, stack)
                        vain = vain + time.monotonic() - asked if looked.unreachable else 0.0
                    if looked.blob is not None:
                        entry = _entry(archive, image, looked.blob, looked.held)
                        # Whoever stops in the middle must have left the entry before the archive is closed.
                        async for chunk in await stack.enter_async_context(aclosing(entry)):
                            yield chunk
                if not looked.deleted:
                    file = _name(image) if looked.blob is not None else None
                    manifest.add(self._describe(image), file=file, problem=looked.problem)
                    _count(exported, image, looked)
                done()
            for chunk in chain(manifest.written(user, self._version), archive.finished()):
                await asyncio.sleep(0)  # nothing here waits for anything, and others have requests too
                yield chunk
        if exported.problems:
            log.warning("an export lacks originals", lacking=len(exported.problems), images=exported.images)

    async def _images(self, owner_id: str) -> AsyncIterator[Image]:
        """No connection is held between two batches, however slow the reader is."""
        after = None
        while batch := await self._library.owned(owner_id, after, BATCH):
            for image in batch:
                yield image
            after = Cursor(batch[-1].created_at, batch[-1].id)

    async def _look(self, image: Image, stack: AsyncExitStack) -> "_Looked":
        """Open an original until *stack* ends, and read it once."""
        try:
            blob = await stack.enter_async_context(self._storage.open(image.blob_key))
            return await _compare(blob, image.sha256)
        except KeyError:
            deleted = not await self._library.known([image.id])
            return _Looked(problem=_LOST, deleted=deleted)
        except ServiceUnavailable as error:
            return _Looked(problem=_UNREADABLE.format(error), unreachable=True)
        except OSError as error:
            return _Looked(problem=_UNREADABLE.format(error.strerror or type(error).__name__))


@dataclass(frozen=True, slots=True)
class _Looked:
    """An original that was looked at. *held* are its bytes if they are few; *deleted* since it was listed."""

    blob: Blob | None = None
    held: bytes | None = None
    problem: str | None = None
    unreachable: bool = False
    deleted: bool = False


async def _compare(blob: Blob, sha256: str) -> _Looked:
    digest, held = hashlib.sha256(), bytearray() if blob.size <= HELD else None
    async for chunk in blob.read(0, blob.size):
        await asyncio.to_thread(digest.update, chunk)
        if held is not None:
            held += chunk
    problem = None if digest.hexdigest() == sha256 else _DAMAGED
    return _Looked(blob, None if held is None else bytes(held), problem)


async def _entry(archive: Archive, image: Image, blob: Blob, held: bytes | None) -> AsyncGenerator[bytes, None]:
    with archive.entry(_name(image), size=blob.size, at=image.created_at) as write:
        async for chunk in _read_on(blob) if held is None else _pieces(held):
            write(chunk)
            yield archive.taken()


async def _pieces(data: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(data), PIECE):
        yield data[start : start + PIECE]


async def _read_on(blob: Blob) -> AsyncIterator[bytes]:
    """All bytes, going on where it broke off: hours of an archive should not depend on one lost connection."""
    sent, attempt = 0, 1
    while sent < blob.size:
        try:
            async for chunk in blob.read(sent, blob.size):
                sent += len(chunk)
                yield chunk
        except ServiceUnavailable:
            attempt += 1
            if attempt > ATTEMPTS:
                raise
            await asyncio.sleep(PAUSE_SECONDS)


def _name(image: Image) -> str:
    return f"pictures/{archive_name(image.filename, image.media_type, short_id(image.id))}"


def _count(exported: Exported, image: Image, looked: _Looked) -> None:
    exported.images += 1
    exported.bytes += looked.blob.size if looked.blob is not None else 0
    if looked.problem is not None:
        exported.problems[image.id] = looked.problem


def download_name(now: datetime) -> str:
    """What an archive is called that is made now."""
    return f"chitram-{now.astimezone(UTC):%Y-%m-%d}.zip"

"""Blobs as files below one directory. A file appears under its key whole or not at all, and synced to the disk."""

import asyncio
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from chitram.domain.errors import ServiceUnavailable
from chitram.services.ports import Space, Staged, StoredBlob

CHUNK = 256 * 1024
STAGING = "staging"
ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class DiskBlob:
    """An open file."""

    file: BinaryIO
    size: int

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, at most 256 KiB at a time."""
        while start < stop:
            chunk = await asyncio.to_thread(os.pread, self.file.fileno(), min(CHUNK, stop - start), start)
            if not chunk:
                raise ServiceUnavailable("The file is shorter than it should be.")
            start += len(chunk)
            yield chunk


class DiskStorage:
    """The storage port on a local file system. Directories are made on first use."""

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()

    @asynccontextmanager
    async def stage(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Staged]:
        """Write *chunks* to a file of its own, hashing on the way; memory is bounded by one chunk."""
        with _reachable():
            file = await _opened(self._new_staging_file)
        staged, digest = Staged(Path(file.name)), hashlib.sha256()
        try:
            with file:
                async for chunk in chunks:
                    with _reachable():
                        await asyncio.to_thread(_append, file, digest, chunk)
                    staged.size += len(chunk)
                with _reachable():
                    file.flush()
            staged.sha256 = digest.hexdigest()
            yield staged
        finally:
            with suppress(OSError):
                await asyncio.to_thread(staged.path.unlink, missing_ok=True)

    async def store(self, staged: Staged, key: str) -> None:
        """Sync the file, then give it its name."""
        with _reachable():
            await asyncio.to_thread(_publish, staged.path, self._root / key)

    async def put(self, key: str, data: bytes) -> None:
        """Keep a small blob."""
        with _reachable():
            await asyncio.to_thread(self._put, key, data)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[DiskBlob]:
        """Open a file. Raises ``KeyError`` when there is none."""
        try:
            with _reachable():
                file = await _opened(lambda: (self._root / key).open("rb", buffering=0))
        except FileNotFoundError:
            raise KeyError(key) from None
        with file:
            yield DiskBlob(file, os.fstat(file.fileno()).st_size)

    async def delete(self, keys: Collection[str]) -> None:
        """Remove files and the directories that this leaves empty."""
        with _reachable():
            await asyncio.to_thread(self._delete, list(keys))

    async def walk(self) -> AsyncIterator[StoredBlob]:
        """Every file, one directory after the other."""
        for directory in ("originals", "thumbnails"):
            folders = iter(os.walk(self._root / directory))
            while step := await asyncio.to_thread(next, folders, None):
                for blob in await asyncio.to_thread(self._describe, Path(step[0]), step[2]):
                    yield blob

    async def clear_staging(self, *, older_than: datetime) -> int:
        """Remove what a dead process was writing."""
        with _reachable():
            return await asyncio.to_thread(self._clear_staging, older_than.timestamp())

    async def check(self) -> None:
        """Write, read and remove a few bytes."""

        async def few() -> AsyncIterator[bytes]:
            yield b"chitram"

        async with self.stage(few()) as staged:
            with _reachable():
                await asyncio.to_thread(staged.path.read_bytes)

    async def space(self) -> Space | None:
        """Of the file system. Asked in a thread: a disk that hangs must not hold the event loop up."""
        with _reachable():
            return await asyncio.to_thread(self._space)

    def _space(self) -> Space:
        existing = next(path for path in (self._root, *self._root.parents) if path.exists())
        usage = shutil.disk_usage(existing)
        return Space(usage.free, usage.total)

    def _new_staging_file(self) -> BinaryIO:
        folder = self._root / STAGING
        folder.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=folder)
        os.close(descriptor)
        return Path(name).open("wb")

    def _put(self, key: str, data: bytes) -> None:
        file = self._new_staging_file()
        try:
            with file:
                file.write(data)
            _publish(Path(file.name), self._root / key)
        finally:
            Path(file.name).unlink(missing_ok=True)  # a full disk must not be filled further by what failed

    def _delete(self, keys: list[str]) -> None:
        for key in keys:
            path = self._root / key
            path.unlink(missing_ok=True)
            with suppress(OSError):  # not empty, or another delete was faster
                path.parent.rmdir()

    def _describe(self, folder: Path, names: list[str]) -> list[StoredBlob]:
        found = []
        for name in names:
            with suppress(FileNotFoundError):  # deleted since it was listed
                status = (folder / name).stat()
                key = (folder / name).relative_to(self._root).as_posix()
                found.append(StoredBlob(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)))
        return found

    def _clear_staging(self, older_than: float) -> int:
        removed = 0
        for path in (self._root / STAGING).glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime <= older_than:
                    path.unlink()
                    removed += 1
        return removed


async def _opened(opening: Callable[[], BinaryIO]) -> BinaryIO:
    """Open in a thread. Whoever is cancelled meanwhile leaves no open file behind."""
    file = asyncio.ensure_future(asyncio.to_thread(opening))
    try:
        return await asyncio.shield(file)
    except asyncio.CancelledError:
        file.add_done_callback(lambda done: None if done.exception() else done.result().close())
        raise


def _append(file: BinaryIO, digest: "hashlib._Hash", chunk: bytes) -> None:
    digest.update(chunk)
    file.write(chunk)


def _publish(source: Path, target: Path) -> None:
    os.utime(source)  # a sweep spares young files, and an upload may have been long on its way before this moment
    _sync(source)
    for attempt in range(ATTEMPTS):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            source.replace(target)
            break
        except (FileNotFoundError, FileExistsError):
            # A delete removed the empty directory between the two lines, or within the first one.
            if attempt == ATTEMPTS - 1 or not source.exists():
                raise
    with suppress(FileNotFoundError):  # a delete has taken the file and its directory already
        _sync(target.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ServiceUnavailable(
            "The storage cannot be written or read right now. Nothing was lost; try again soon."
        ) from error

"""Blobs as files below one directory. A file appears under its key whole or not at all, and synced to the disk."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from chitram.adapters.staging import Staging, common_folder, disk_errors, opened
from chitram.domain.errors import ServiceUnavailable
from chitram.services.storage_ports import Space, Staged, StoredBlob

CHUNK = 256 * 1024
AT_ONCE = 64 * 1024
"""Files up to this size, thumbnails above all, are read as they are opened: each turn in a thread costs more."""
STAGING = "staging"
ATTEMPTS = 100


@dataclass(frozen=True, slots=True)
class DiskBlob:
    """An open file; *whole* is all of it, if it is small."""

    file: BinaryIO
    size: int
    whole: bytes | None

    def close(self) -> None:
        """Let go of the file."""
        self.file.close()

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, at most 256 KiB at a time."""
        if self.whole is not None:
            yield self.whole[start:stop]
            return
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
        self._staging = Staging(self._root / STAGING, common_folder)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """A disk is simply there."""
        yield

    def stage(self, chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[Staged]:
        """Write *chunks* to a file on the same file system."""
        return self._staging.stage(chunks)

    async def store(self, staged: Staged, key: str) -> None:
        """Sync the file, then give it its name."""
        with disk_errors():
            await asyncio.to_thread(_publish, staged.path, self._root / key)

    async def put(self, key: str, data: bytes) -> None:
        """Keep a small blob."""
        with disk_errors():
            await asyncio.to_thread(self._put, key, data)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[DiskBlob]:
        """Open a file. Raises ``KeyError`` when there is none."""
        try:
            with disk_errors():
                blob = await opened(lambda: _open(self._root / key))
        except FileNotFoundError:
            raise KeyError(key) from None
        with closing(blob):
            yield blob

    async def delete(self, keys: Collection[str]) -> None:
        """Remove files and the directories that this leaves empty."""
        with disk_errors():
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
        return await self._staging.clear(older_than=older_than)

    async def check(self) -> None:
        """Write, read and remove a few bytes."""

        async def few() -> AsyncIterator[bytes]:
            yield b"chitram"

        async with self.stage(few()) as staged:
            with disk_errors():
                await asyncio.to_thread(staged.path.read_bytes)

    async def space(self) -> Space | None:
        """Of the file system. Asked in a thread: a disk that hangs must not hold the event loop up."""
        with disk_errors():
            return await asyncio.to_thread(self._space)

    def _space(self) -> Space:
        existing = next(path for path in (self._root, *self._root.parents) if path.exists())
        usage = shutil.disk_usage(existing)
        return Space(usage.free, usage.total)

    def _put(self, key: str, data: bytes) -> None:
        file = self._staging.new_file()
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


def _open(path: Path) -> DiskBlob:
    file = path.open("rb", buffering=0)
    try:
        size = os.fstat(file.fileno()).st_size
        whole = os.pread(file.fileno(), size, 0) if size <= AT_ONCE else None
    except BaseException:
        file.close()
        raise
    # Should it be shorter by now, reading it says so.
    return DiskBlob(file, size, whole if whole is not None and len(whole) == size else None)


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

"""Uploads on their way: files of their own in one directory, hashed as they are written, gone when nobody wants them.

A process that is killed leaves its files here; :meth:`Staging.clear` finds them by their age, in whichever process.
"""

import asyncio
import hashlib
import os
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from chitram.domain.errors import ServiceUnavailable
from chitram.services.storage_ports import Staged


class _Closable(Protocol):
    def close(self) -> None: ...


F = TypeVar("F", bound=_Closable)


class Staging:
    """Temporary files below *folder*, which *prepare* makes when it is needed."""

    def __init__(self, folder: Path, prepare: Callable[[Path], None]) -> None:
        self._folder = folder
        self._prepare = prepare

    @asynccontextmanager
    async def stage(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Staged]:
        """Write *chunks* to a file of its own, hashing on the way; memory is bounded by one chunk."""
        with disk_errors():
            file = await opened(self.new_file)
        staged, digest = Staged(Path(file.name)), hashlib.sha256()
        try:
            with file:
                async for chunk in chunks:
                    with disk_errors():
                        await asyncio.to_thread(_append, file, digest, chunk)
                    staged.size += len(chunk)
                with disk_errors():
                    file.flush()
            staged.sha256 = digest.hexdigest()
            yield staged
        finally:
            with suppress(OSError):
                await asyncio.to_thread(staged.path.unlink, missing_ok=True)

    async def clear(self, *, older_than: datetime) -> int:
        """Remove what was last written before *older_than*; how many files there were."""
        with disk_errors():
            return await asyncio.to_thread(self._clear, older_than.timestamp())

    def new_file(self) -> BinaryIO:
        """An empty file that this user alone can read. Blocks."""
        self._prepare(self._folder)
        descriptor, name = tempfile.mkstemp(dir=self._folder)
        os.close(descriptor)
        return Path(name).open("wb")

    def _clear(self, older_than: float) -> int:
        self._prepare(self._folder)  # nothing is removed from a place that is not ours
        removed = 0
        for path in self._folder.glob("*"):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime <= older_than:
                    path.unlink()
                    removed += 1
        return removed


def common_folder(folder: Path) -> None:
    """Make a directory below one that is ours."""
    folder.mkdir(parents=True, exist_ok=True)


def private_folder(folder: Path) -> None:
    """Make a directory where others may make theirs, such as ``/tmp``. Raises ``PermissionError`` when it is open to
    others: they could read every upload.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise PermissionError(f"{folder} is open to others: remove it, or set STAGING_PATH")


def default_folder() -> Path:
    """This user's own place in the system's temporary directory, the same for all processes."""
    return Path(tempfile.gettempdir()) / f"chitram-staging-{os.geteuid()}"


async def opened(opening: Callable[[], F]) -> F:
    """Open in a thread. Whoever is cancelled meanwhile leaves no open file behind."""
    file = asyncio.ensure_future(asyncio.to_thread(opening))
    try:
        return await asyncio.shield(file)
    except asyncio.CancelledError:
        file.add_done_callback(lambda done: None if done.exception() else done.result().close())
        raise


@contextmanager
def disk_errors() -> Iterator[None]:
    """Say ``ServiceUnavailable`` for whatever a disk does, apart from ``FileNotFoundError``."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ServiceUnavailable(
            "The storage cannot be written or read right now. Nothing was lost; try again soon."
        ) from error


def _append(file: BinaryIO, digest: "hashlib._Hash", chunk: bytes) -> None:
    digest.update(chunk)
    file.write(chunk)

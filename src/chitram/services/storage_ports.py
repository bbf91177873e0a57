"""Where the bytes lie, originals and thumbnails."""

from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol


@dataclass(slots=True)
class Staged:
    """An upload on its way: a private temporary file, its length in bytes and its SHA-256 so far."""

    path: Path
    size: int = 0
    sha256: str = field(default="")


class Blob(Protocol):
    """Stored bytes, open for reading."""

    @property
    def size(self) -> int:
        """In bytes."""
        ...

    def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, in chunks of bounded size."""
        ...


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """A row of a storage listing."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Space:
    """Room in the storage, in bytes."""

    free: int
    size: int


class BlobStorage(Protocol):
    """Originals and thumbnails by key. Each method raises ``ServiceUnavailable`` when the storage cannot be reached."""

    def stage(self, chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[Staged]:
        """Write *chunks* to a temporary file that is gone after the block, unless it was stored."""
        ...

    async def store(self, staged: Staged, key: str) -> None:
        """Keep a staged file under *key*, all or nothing, safe against a power cut when this returns."""
        ...

    async def put(self, key: str, data: bytes) -> None:
        """Keep a small blob (a thumbnail), all or nothing."""
        ...

    def open(self, key: str) -> AbstractAsyncContextManager[Blob]:
        """Open a blob. Raises ``KeyError`` when there is none."""
        ...

    async def delete(self, keys: Collection[str]) -> None:
        """Remove blobs; those that are not there are no error."""
        ...

    def walk(self) -> AsyncIterator[StoredBlob]:
        """Every blob that is stored."""
        ...

    async def clear_staging(self, *, older_than: datetime) -> int:
        """Remove temporary files that a dead process left; how many there were."""
        ...

    async def check(self) -> None:
        """Write, read and remove a few bytes."""
        ...

    async def space(self) -> Space | None:
        """How much room there is, or ``None`` where nothing is known to limit it."""
        ...


class ConnectedStorage(BlobStorage, Protocol):
    """A storage with whatever it holds as long as the service runs."""

    def connected(self) -> AbstractAsyncContextManager[None]:
        """Hold it. Inside of this the storage may be used; entering never fails for a storage that is away."""
        ...

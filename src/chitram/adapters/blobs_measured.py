"""Any storage, with a clock beside it: disk and object storage are measured alike, at the port."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chitram.services.storage_ports import Blob, BlobStorage, Space, Staged, StoredBlob


class Recorder(Protocol):
    """Who is told. Times in seconds, sizes in bytes."""

    def storage(self, operation: str, result: str, seconds: float) -> None:
        """An operation ended: ``ok``, ``missing``, ``aborted`` (nobody waits for it any more) or ``error``."""
        ...

    def transferred(self, direction: str, size: int) -> None:
        """So many bytes were ``read`` or ``written``."""
        ...


@dataclass(frozen=True, slots=True)
class MeasuredBlob:
    """An open blob whose bytes are counted as they are handed on."""

    blob: Blob
    recorder: Recorder

    @property
    def size(self) -> int:
        """In bytes."""
        return self.blob.size

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The blob's own chunks."""
        async for chunk in self.blob.read(start, stop):
            self.recorder.transferred("read", len(chunk))
            yield chunk


class MeasuredStorage:
    """The storage port around another one. Not timed: staging and reading, which go at the client's pace."""

    def __init__(self, inner: BlobStorage, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    @asynccontextmanager
    async def stage(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Staged]:
        """A temporary file."""
        async with self._inner.stage(chunks) as staged:
            yield staged

    async def store(self, staged: Staged, key: str) -> None:
        """Keep a staged file."""
        with self._timed("store"):
            await self._inner.store(staged, key)
        self._recorder.transferred("written", staged.size)

    async def put(self, key: str, data: bytes) -> None:
        """Keep a small blob."""
        with self._timed("put"):
            await self._inner.put(key, data)
        self._recorder.transferred("written", len(data))

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[MeasuredBlob]:
        """Open a blob."""
        async with AsyncExitStack() as stack:
            with self._timed("open"):
                blob = await stack.enter_async_context(self._inner.open(key))
            yield MeasuredBlob(blob, self._recorder)

    async def delete(self, keys: Collection[str]) -> None:
        """Remove blobs."""
        with self._timed("delete"):
            await self._inner.delete(keys)

    async def walk(self) -> AsyncIterator[StoredBlob]:
        """Every blob."""
        async for blob in self._inner.walk():
            yield blob

    async def clear_staging(self, *, older_than: datetime) -> int:
        """Remove what a dead process left."""
        return await self._inner.clear_staging(older_than=older_than)

    async def check(self) -> None:
        """Write, read and remove a few bytes."""
        with self._timed("check"):
            await self._inner.check()

    async def space(self) -> Space | None:
        """How much room there is."""
        return await self._inner.space()

    @contextmanager
    def _timed(self, operation: str) -> Iterator[None]:
        began, result = time.monotonic(), "error"
        try:
            yield
            result = "ok"
        except KeyError:
            result = "missing"
            raise
        except asyncio.CancelledError:
            result = "aborted"
            raise
        finally:
            self._recorder.storage(operation, result, time.monotonic() - began)

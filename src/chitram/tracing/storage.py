"""A span for each operation on the storage that somebody waits for. A key is not told: it names a picture."""

from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from opentelemetry.trace import Tracer

from chitram.services.storage_ports import Blob, BlobStorage, Space, Staged, StoredBlob
from chitram.tracing.spans import leaf

BYTES = "chitram.storage.bytes"
FOUND = "chitram.storage.found"


class TracedStorage:
    """The storage port in front of another one."""

    def __init__(self, storage: BlobStorage, tracer: Tracer) -> None:
        self._storage = storage
        self._tracer = tracer

    @asynccontextmanager
    async def stage(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Staged]:
        """The span ends with the last byte, which may be long in coming from the client."""
        async with AsyncExitStack() as stack:
            with leaf(self._tracer, "storage stage", {}) as span:
                staged = await stack.enter_async_context(self._storage.stage(chunks))
                span.set_attribute(BYTES, staged.size)
            yield staged

    async def store(self, staged: Staged, key: str) -> None:
        """Keep a staged file."""
        with leaf(self._tracer, "storage store", {BYTES: staged.size}):
            await self._storage.store(staged, key)

    async def put(self, key: str, data: bytes) -> None:
        """Keep a small blob."""
        with leaf(self._tracer, "storage put", {BYTES: len(data)}):
            await self._storage.put(key, data)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[Blob]:
        """One span for opening, and one for each reading. A blob that is not there is no error."""
        async with AsyncExitStack() as stack:
            with leaf(self._tracer, "storage open", {}, expected=(KeyError,)) as span:
                span.set_attribute(FOUND, False)
                blob = await stack.enter_async_context(self._storage.open(key))
                span.set_attribute(FOUND, True)
            yield _TracedBlob(blob, self._tracer)

    async def delete(self, keys: Collection[str]) -> None:
        """Remove blobs."""
        with leaf(self._tracer, "storage delete", {"chitram.storage.blobs": len(keys)}):
            await self._storage.delete(keys)

    def walk(self) -> AsyncIterator[StoredBlob]:
        """Nobody waits for this one."""
        return self._storage.walk()

    async def clear_staging(self, *, older_than: datetime) -> int:
        """Nor for this."""
        return await self._storage.clear_staging(older_than=older_than)

    async def check(self) -> None:
        """Write, read and remove a few bytes."""
        with leaf(self._tracer, "storage check", {}):
            await self._storage.check()

    async def space(self) -> Space | None:
        """Nobody waits for this either."""
        return await self._storage.space()


class _TracedBlob:
    """Stored bytes, each reading of which is a span."""

    def __init__(self, blob: Blob, tracer: Tracer) -> None:
        self._blob = blob
        self._tracer = tracer

    @property
    def size(self) -> int:
        return self._blob.size

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        with leaf(self._tracer, "storage read", {BYTES: stop - start}):
            async for chunk in self._blob.read(start, stop):
                yield chunk

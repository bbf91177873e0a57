"""Blobs as objects of one S3 bucket.

An original is staged on the local disk and sent in one PUT, which is all or nothing on the server: no multipart upload
is ever begun, so none can be left behind by whoever is cancelled or killed. Keys are never written twice with other
bytes, so nothing here needs a conditional request.
"""

import asyncio
import base64
import hashlib
import io
import time
from collections.abc import AsyncIterator, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime
from io import BytesIO
from itertools import islice
from pathlib import Path

from miniopy_async.deleteobjects import DeleteObject
from miniopy_async.error import S3Error

from chitram.adapters import s3_bucket
from chitram.adapters.s3_blob import S3Blob
from chitram.adapters.s3_bucket import S3Bucket
from chitram.adapters.s3_errors import AWAY
from chitram.adapters.staging import Staging, private_folder
from chitram.domain.errors import ServiceUnavailable
from chitram.services.storage_ports import Space, Staged, StoredBlob

DELETED_AT_ONCE = 500
PROBE_KEY = "health/probe"
"""Written by the health check, and left: the processes would delete it under each other's eyes."""
WRITE_PROBE_SECONDS = 60.0
"""How often the health check writes; in between it only asks, which costs a tenth where requests are paid for."""
_BINARY = "application/octet-stream"


class S3Storage:
    """The storage port on a bucket. *staging* is a local directory for uploads on their way, this user's own."""

    def __init__(self, bucket: S3Bucket, staging: Path) -> None:
        self._bucket = bucket
        self._staging = Staging(staging.absolute(), private_folder)
        self._written_until = 0.0

    def connected(self) -> AbstractAsyncContextManager[None]:
        """Hold the session that every other method needs. Enters whether or not the server answers."""
        return self._bucket.connected()

    def stage(self, chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[Staged]:
        """Write *chunks* to a local file."""
        return self._staging.stage(chunks)

    async def store(self, staged: Staged, key: str) -> None:
        """Send the file in one request, as fast as the server takes it."""
        with self._bucket.reached():
            digest = await asyncio.to_thread(_md5, staged.path)
            async with asyncio.timeout(s3_bucket.PATIENCE_SECONDS) as patience:
                with _Sent(staged.path, patience) as file:
                    # Not put_object: it would read parts into memory, or hash the whole file in the event loop (TLS).
                    headers = {"Content-Type": _BINARY, "Content-MD5": digest}
                    await self._bucket.client._put_object(self._bucket.name, key, file, {**headers})

    async def put(self, key: str, data: bytes) -> None:
        """Keep a small blob."""
        with self._bucket.reached():
            size = len(data)
            await self._bucket.client.put_object(self._bucket.name, key, BytesIO(data), size, _BINARY, part_size=size)

    @asynccontextmanager
    async def open(self, key: str) -> AsyncIterator[S3Blob]:
        """Ask for an object. Raises ``KeyError`` when there is none."""
        with self._bucket.reached():
            try:
                blob = S3Blob(self._bucket, key, await self._bucket.client.get_object(self._bucket.name, key))
            except S3Error as error:
                if error.code == "NoSuchKey":
                    raise KeyError(key) from None
                raise
        try:
            yield blob
        finally:
            blob.close()

    async def delete(self, keys: Collection[str]) -> None:
        """Remove objects, 500 a request."""
        remaining = iter(keys)
        while batch := [DeleteObject(key) for key in islice(remaining, DELETED_AT_ONCE)]:
            with self._bucket.reached():
                refused = await self._bucket.client.remove_objects(self._bucket.name, batch)
            if any(error.code != "NoSuchKey" for error in refused):
                raise ServiceUnavailable(AWAY)

    async def walk(self) -> AsyncIterator[StoredBlob]:
        """Every object, a thousand a request."""
        for folder in ("originals/", "thumbnails/"):
            with self._bucket.reached():
                async for found in self._bucket.client.list_objects(self._bucket.name, folder, recursive=True):
                    if found.object_name and found.last_modified and found.size is not None:
                        yield StoredBlob(found.object_name, found.size, found.last_modified)

    async def clear_staging(self, *, older_than: datetime) -> int:
        """Remove what a dead process of this machine was sending."""
        return await self._staging.clear(older_than=older_than)

    async def check(self) -> None:
        """Ask for the bucket; once a minute, and as long as that fails, write and read a few bytes."""
        if time.monotonic() < self._written_until:
            with self._bucket.reached():
                if not await self._bucket.client.bucket_exists(self._bucket.name):
                    raise FileNotFoundError("the bucket is gone")
            return
        await self.put(PROBE_KEY, b"chitram")
        async with self.open(PROBE_KEY) as blob:
            async for _ in blob.read(0, blob.size):
                pass
        self._written_until = time.monotonic() + WRITE_PROBE_SECONDS

    async def space(self) -> Space | None:
        """Nothing is known to limit a bucket."""
        return None


class _Sent(io.FileIO):
    """A file that is being sent: each read of it shows that the server takes what it is given."""

    def __init__(self, path: Path, patience: asyncio.Timeout) -> None:
        super().__init__(path)
        self._patience = patience
        self._loop = asyncio.get_running_loop()

    def read(self, size: int | None = -1, /) -> bytes:
        """Read on, in the client's thread."""
        self._loop.call_soon_threadsafe(self._go_on_waiting)
        return super().read(-1 if size is None else size)

    def _go_on_waiting(self) -> None:
        with suppress(RuntimeError):  # it is over already
            self._patience.reschedule(self._loop.time() + s3_bucket.PATIENCE_SECONDS)


def _md5(path: Path) -> str:
    """What S3 compares the bytes with that arrive."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
    return base64.b64encode(digest.digest()).decode()

"""What the tests of every storage say again and again."""

from collections.abc import AsyncIterator

from chitram.services.storage_ports import BlobStorage

KEY = "originals/ab/x"


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    """Bytes as they arrive."""
    for chunk in chunks:
        yield chunk


async def zeros(megabytes: int) -> AsyncIterator[bytes]:
    """A long upload."""
    piece = bytes(1024 * 1024)
    for _ in range(megabytes):
        yield piece


async def keep(storage: BlobStorage, data: bytes, key: str = KEY) -> None:
    """Stage and store."""
    async with storage.stage(pieces(data)) as staged:
        await storage.store(staged, key)


async def read(storage: BlobStorage, key: str = KEY, start: int = 0, stop: int | None = None) -> bytes:
    """A part of a blob."""
    async with storage.open(key) as blob:
        return b"".join([chunk async for chunk in blob.read(start, blob.size if stop is None else stop)])


async def listed(storage: BlobStorage) -> dict[str, int]:
    """Every key with its size."""
    return {blob.key: blob.size async for blob in storage.walk()}

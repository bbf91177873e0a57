"""Measuring a storage changes nothing about it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chitram.adapters.blobs_disk import DiskStorage
from chitram.adapters.blobs_measured import MeasuredStorage


class Noted:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.operations: list[tuple[str, str]] = []
        self.bytes = {"read": 0, "written": 0}

    def storage(self, operation: str, result: str, seconds: float) -> None:
        """One operation."""
        assert 0 <= seconds < 60
        self.operations.append((operation, result))

    def transferred(self, direction: str, size: int) -> None:
        """Some bytes."""
        self.bytes[direction] += size


@pytest.fixture
def noted() -> Noted:
    """Nothing yet."""
    return Noted()


@pytest.fixture
def storage(tmp_path: Path, noted: Noted) -> MeasuredStorage:
    """A disk with a clock beside it."""
    return MeasuredStorage(DiskStorage(tmp_path / "blobs"), noted)


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    """Bytes as they arrive."""
    for chunk in chunks:
        yield chunk


async def test_each_operation_is_told_once(storage, noted):
    """And does what it would do alone."""
    async with storage.stage(pieces(b"pic", b"ture")) as staged:
        await storage.store(staged, "originals/ab/x")
    await storage.put("thumbnails/ab/x/150.webp", b"small")
    async with storage.open("originals/ab/x") as blob:
        assert blob.size == 7
        assert b"".join([chunk async for chunk in blob.read(1, 4)]) == b"ict"
    assert {blob.key async for blob in storage.walk()} == {"originals/ab/x", "thumbnails/ab/x/150.webp"}
    await storage.delete(["originals/ab/x"])
    await storage.check()
    assert await storage.clear_staging(older_than=datetime.now(UTC)) == 0
    assert noted.operations == [(name, "ok") for name in ("store", "put", "open", "delete", "check")]
    assert noted.bytes == {"read": 3, "written": 12}
    space = await storage.space()
    assert 0 < space.free < space.size


async def test_a_missing_blob_is_no_error_of_the_storage(storage, noted):
    """It stays a KeyError."""
    with pytest.raises(KeyError):
        async with storage.open("originals/ab/none"):
            pass
    assert noted.operations == [("open", "missing")]


async def test_what_fails_inside_the_block_is_not_the_storage_s(storage, noted):
    """The file was opened."""
    await storage.put("originals/ab/x", b"x")
    with pytest.raises(ZeroDivisionError):
        async with storage.open("originals/ab/x"):
            raise ZeroDivisionError
    assert noted.operations[-1] == ("open", "ok")


async def test_errors_and_callers_who_left_are_told_apart(noted):
    """Only the first are the storage's."""

    class Broken(DiskStorage):
        async def delete(self, keys) -> None:
            raise OSError

        async def put(self, key, data) -> None:
            await asyncio.Event().wait()

    storage = MeasuredStorage(Broken(Path("nowhere")), noted)
    with pytest.raises(OSError):  # noqa: PT011  any will do
        await storage.delete(["x"])
    waiting = asyncio.ensure_future(storage.put("x", b""))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert noted.operations == [("delete", "error"), ("put", "aborted")]
    assert noted.bytes["written"] == 0

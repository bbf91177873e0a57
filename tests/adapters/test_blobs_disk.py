"""Blobs on the local disk."""

import asyncio
import gc
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chitram.adapters.blobs_disk import CHUNK, DiskStorage
from chitram.domain.errors import ServiceUnavailable


@pytest.fixture
def storage(tmp_path: Path) -> DiskStorage:
    """In a directory that does not exist yet."""
    return DiskStorage(tmp_path / "blobs")


async def pieces(*chunks: bytes) -> AsyncIterator[bytes]:
    """Bytes as they arrive."""
    for chunk in chunks:
        yield chunk


async def read(storage: DiskStorage, key: str, start: int = 0, stop: int | None = None) -> bytes:
    """A part of a blob."""
    async with storage.open(key) as blob:
        return b"".join([chunk async for chunk in blob.read(start, blob.size if stop is None else stop)])


async def test_what_is_stored_comes_back(storage):
    """Whole and in parts, across chunk borders, with length and digest told on the way."""
    data = os.urandom(CHUNK * 2 + 17)
    async with storage.stage(pieces(data[:1000], data[1000:])) as staged:
        assert (staged.size, staged.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        await storage.store(staged, "originals/ab/x")
    assert await read(storage, "originals/ab/x") == data
    assert await read(storage, "originals/ab/x", CHUNK - 3, CHUNK + 3) == data[CHUNK - 3 : CHUNK + 3]


async def test_what_is_not_stored_leaves_nothing(storage, tmp_path):
    """Neither when the source fails nor when nobody wanted it."""

    async def breaks() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        async with storage.stage(breaks()):
            pass
    async with storage.stage(pieces(b"whole")):
        pass
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_missing_blob_is_a_key_error(storage):
    """And deleting it is none."""
    with pytest.raises(KeyError):
        await read(storage, "originals/ab/x")
    await storage.delete(["originals/ab/x"])


async def test_deleting_and_storing_in_one_directory_at_once(storage):
    """A delete that removes the empty directory does not make a store fail."""
    for number in range(100):
        await storage.put("originals/ab/old", b"old")
        await asyncio.gather(storage.delete(["originals/ab/old"]), storage.put(f"originals/ab/{number}", b"new"))
        assert await read(storage, f"originals/ab/{number}") == b"new"
        await storage.delete([f"originals/ab/{number}"])


async def test_the_walk_shows_every_blob_and_no_temporary_file(storage):
    """With its size and age."""
    await storage.put("originals/ab/x", b"12345")
    await storage.put("thumbnails/ab/x/150.webp", b"123")
    async with storage.stage(pieces(b"on its way")):
        found = {blob.key: blob.size async for blob in storage.walk()}
    assert found == {"originals/ab/x": 5, "thumbnails/ab/x/150.webp": 3}


async def test_only_old_temporary_files_are_cleared(storage):
    """Somebody may still be writing the young ones."""
    async with storage.stage(pieces(b"on its way")) as staged:
        assert await storage.clear_staging(older_than=datetime.now(UTC) - timedelta(hours=1)) == 0
        assert staged.path.exists()
        assert await storage.clear_staging(older_than=datetime.now(UTC) + timedelta(seconds=1)) == 1


async def test_a_disk_that_cannot_be_written_is_a_clear_error(tmp_path):
    """A file where the directory should be stands for a full or read-only disk."""
    (tmp_path / "blobs").write_text("in the way")
    storage = DiskStorage(tmp_path / "blobs")
    with pytest.raises(ServiceUnavailable):
        await storage.put("originals/ab/x", b"x")
    with pytest.raises(ServiceUnavailable):
        await storage.check()


async def test_a_full_disk_in_the_middle_of_an_upload(storage, monkeypatch, tmp_path):
    """503, and the half file is gone."""

    def full(*_anything: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chitram.adapters.staging._append", full)
    with pytest.raises(ServiceUnavailable):
        async with storage.stage(pieces(b"x")):
            pass
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_thumbnail_that_finds_no_room_leaves_nothing(storage, monkeypatch, tmp_path):
    """It is tried again every minute: a full disk must not be filled by that."""

    def full(*_anything: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chitram.adapters.blobs_disk._sync", full)
    with pytest.raises(ServiceUnavailable):
        await storage.put("thumbnails/ab/x/150.jpg", b"x")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


async def test_a_blob_is_as_old_as_its_storing(storage):
    """A sweep spares the young: an upload that was long on its way is young when it is stored, before its row is."""
    long_ago = datetime.now(UTC) - timedelta(hours=2)
    async with storage.stage(pieces(b"x")) as staged:
        os.utime(staged.path, (long_ago.timestamp(), long_ago.timestamp()))
        await storage.store(staged, "originals/ab/x")
    assert [blob.modified_at > long_ago + timedelta(hours=1) async for blob in storage.walk()] == [True]


async def test_opening_can_be_cancelled_at_any_moment(storage):
    """No file stays open: an open one that nobody closes would be reported as an error of this test."""
    await storage.put("originals/ab/x", b"x")

    async def look() -> None:
        async with storage.open("originals/ab/x"):
            await asyncio.sleep(3600)

    for turns in range(12):
        looking = asyncio.create_task(look())
        for _ in range(turns):
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    await asyncio.get_running_loop().run_in_executor(None, gc.collect)

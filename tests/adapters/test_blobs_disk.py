"""What is true of blobs on the local disk alone; see `test_blobs.py` for what every storage promises."""

import asyncio
import gc
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chitram.adapters.blobs_disk import DiskStorage
from chitram.domain.errors import ServiceUnavailable
from tests.adapters.blobs import pieces, read


@pytest.fixture
def storage(tmp_path: Path) -> DiskStorage:
    """In a directory that does not exist yet."""
    return DiskStorage(tmp_path / "blobs")


async def test_deleting_and_storing_in_one_directory_at_once(storage):
    """A delete that removes the empty directory does not make a store fail."""
    for number in range(100):
        await storage.put("originals/ab/old", b"old")
        await asyncio.gather(storage.delete(["originals/ab/old"]), storage.put(f"originals/ab/{number}", b"new"))
        assert await read(storage, f"originals/ab/{number}") == b"new"
        await storage.delete([f"originals/ab/{number}"])


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

"""What every storage promises, shown on a disk and on a real S3 server."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from chitram.adapters.blobs_disk import CHUNK, DiskStorage
from chitram.adapters.blobs_s3 import S3Storage
from chitram.adapters.s3_bucket import S3Bucket
from chitram.services.storage_ports import BlobStorage
from tests.adapters.blobs import KEY, keep, listed, pieces, read


@pytest.fixture(params=["disk", "s3"])
async def storage(request, tmp_path) -> AsyncIterator[BlobStorage]:
    """An empty one; its temporary files lie below the test's directory."""
    if request.param == "disk":
        made: DiskStorage | S3Storage = DiskStorage(tmp_path / "blobs")
    else:
        swift, bucket = request.getfixturevalue("swift"), request.getfixturevalue("bucket")
        made = S3Storage(S3Bucket(swift.place(bucket)), tmp_path / "staging")
    async with made.connected():
        yield made


async def test_what_is_stored_comes_back(storage):
    """Whole and in parts, across chunk borders, with length and digest told on the way."""
    data = os.urandom(CHUNK * 2 + 17)
    async with storage.stage(pieces(data[:1000], data[1000:])) as staged:
        assert (staged.size, staged.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        await storage.store(staged, KEY)
    assert await read(storage) == data
    for start, stop in ((CHUNK - 3, CHUNK + 3), (0, 1), (len(data) - 1, len(data)), (5, 5)):
        assert await read(storage, KEY, start, stop) == data[start:stop]


async def test_one_open_blob_can_be_read_more_than_once(storage):
    """In any order, and in parts that overlap."""
    data = os.urandom(CHUNK + 5)
    await keep(storage, data)
    async with storage.open(KEY) as blob:
        for start, stop in ((10, 20), (0, blob.size), (0, blob.size), (15, CHUNK + 1)):
            assert b"".join([chunk async for chunk in blob.read(start, stop)]) == data[start:stop]


async def test_no_chunk_is_larger_than_promised(storage):
    """Memory is bounded by it."""
    await keep(storage, bytes(CHUNK * 5))
    async with storage.open(KEY) as blob:
        assert max([len(chunk) async for chunk in blob.read(0, blob.size)]) <= CHUNK


async def test_small_blobs_come_back(storage):
    """And are replaced by their like: thumbnails may be made twice."""
    for data in (b"first", b"second"):
        await storage.put("thumbnails/ab/x/150.webp", data)
        assert await read(storage, "thumbnails/ab/x/150.webp") == data


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
    assert await listed(storage) == {}


async def test_what_was_stored_leaves_no_temporary_file(storage, tmp_path):
    """Only the blob is left."""
    async with storage.stage(pieces(b"whole")) as staged:
        await storage.store(staged, KEY)
    assert not staged.path.exists()
    assert await listed(storage) == {KEY: 5}


async def test_a_missing_blob_is_a_key_error(storage):
    """And deleting it is none."""
    with pytest.raises(KeyError):
        await read(storage)
    await storage.delete([KEY])
    await storage.delete([])


async def test_what_is_deleted_is_gone(storage):
    """And nothing else."""
    for key in (KEY, "originals/ab/y", "thumbnails/ab/x/150.webp"):
        await storage.put(key, b"x")
    await storage.delete([KEY, "thumbnails/ab/x/150.webp", "thumbnails/ab/x/300.webp"])
    assert await listed(storage) == {"originals/ab/y": 1}
    with pytest.raises(KeyError):
        await read(storage)


async def test_the_walk_shows_every_blob_and_no_temporary_file(storage):
    """With its size, and its age in the present."""
    await storage.put(KEY, b"12345")
    await storage.put("thumbnails/ab/x/150.webp", b"123")
    async with storage.stage(pieces(b"on its way")):
        found = [blob async for blob in storage.walk()]
    assert {blob.key: blob.size for blob in found} == {KEY: 5, "thumbnails/ab/x/150.webp": 3}
    assert all(abs(datetime.now(UTC) - blob.modified_at) < timedelta(minutes=10) for blob in found)


async def test_only_old_temporary_files_are_cleared(storage):
    """Somebody may still be writing the young ones."""
    async with storage.stage(pieces(b"on its way")) as staged:
        assert await storage.clear_staging(older_than=datetime.now(UTC) - timedelta(hours=1)) == 0
        assert staged.path.exists()
        assert await storage.clear_staging(older_than=datetime.now(UTC) + timedelta(seconds=1)) == 1


async def test_the_check_leaves_nothing_that_a_sweep_would_judge(storage):
    """It writes and reads, again and again."""
    await storage.check()
    await storage.check()
    assert await listed(storage) == {}


async def test_many_may_read_without_holding_up_each_other(storage):
    """However slowly: twenty have asked and read nothing yet, and one more is served."""
    await keep(storage, bytes(CHUNK * 8))
    async with asyncio.timeout(20):
        opened = [storage.open(KEY) for _ in range(20)]
        for one in opened:
            await one.__aenter__()
        assert len(await read(storage)) == CHUNK * 8
        for one in opened:
            await one.__aexit__(None, None, None)


async def test_opening_can_be_cancelled_at_any_moment(storage):
    """Nothing stays open: what nobody closes would be reported as an error of this test."""
    await storage.put(KEY, b"x")

    async def look() -> None:
        async with storage.open(KEY):
            await asyncio.sleep(3600)

    for turns in range(12):
        looking = asyncio.create_task(look())
        for _ in range(turns):
            await asyncio.sleep(0)
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    assert await read(storage) == b"x"

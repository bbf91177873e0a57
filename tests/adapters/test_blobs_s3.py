"""Blobs in a real S3 bucket within bounded memory, and when it is away, slow, frozen or cut off."""

import asyncio
import os
import ssl
import tracemalloc
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from chitram.adapters.blobs_s3 import S3Storage
from chitram.adapters.s3_bucket import S3Place
from chitram.domain.errors import ServiceUnavailable
from tests.adapters.blobs import KEY, keep, listed, read, zeros
from tests.servers.certificates import Certificate
from tests.waiting import until

MEGABYTE = 1024 * 1024
A_FEW_CHUNKS = 4 * MEGABYTE


pytestmark = pytest.mark.usefixtures("impatience")


@pytest.fixture
def storage(s3_storage: S3Storage) -> S3Storage:
    """An empty bucket on a healthy server."""
    return s3_storage


async def uploads_in_progress(storage: S3Storage) -> list[object]:
    """What an interrupted multipart upload would be listed in."""
    bucket = storage._bucket
    return list((await bucket.client._list_multipart_uploads(bucket.name)).uploads)


async def test_a_long_upload_and_its_download_stay_within_a_few_chunks(storage):
    """150 MB each way, in the memory of this process."""
    async with storage.stage(zeros(150)) as staged:
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        await storage.store(staged, KEY)
        stored = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.reset_peak()
    total = 0
    async with storage.open(KEY) as blob:
        async for chunk in blob.read(0, blob.size):
            total += len(chunk)
    fetched = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    assert total == 150 * MEGABYTE
    assert stored < A_FEW_CHUNKS
    assert fetched < A_FEW_CHUNKS


async def test_a_reader_who_takes_nothing_is_sent_nothing(swift, bucket, connect, relay):
    """What the server has and nobody reads is not fetched: at most what the system's buffers hold."""
    between = await relay(swift.endpoint)
    storage = await connect(swift.place(bucket, endpoint=between.endpoint))
    async with storage.stage(zeros(64)) as staged:
        await storage.store(staged, KEY)
    tracemalloc.start()
    async with storage.open(KEY) as blob:
        chunks = blob.read(0, blob.size)
        await anext(chunks)
        for _ in range(50):
            await asyncio.sleep(0.01)
        held = tracemalloc.get_traced_memory()[0]
        await chunks.aclose()
    tracemalloc.stop()
    assert held < A_FEW_CHUNKS


@pytest.mark.parametrize("megabytes", [0, 8], ids=["before its bytes", "among its bytes"])
async def test_an_upload_that_is_cancelled_leaves_nothing(swift, bucket, connect, relay, megabytes):
    """No object, no multipart upload, no temporary file, wherever it was."""
    between = await relay(swift.endpoint)
    storage = await connect(swift.place(bucket, endpoint=between.endpoint))
    between.delay = 0.01
    async with storage.stage(zeros(32)) as staged:
        start = between.passed
        storing = asyncio.create_task(storage.store(staged, KEY))
        await until(lambda: between.passed > start + megabytes * MEGABYTE)
        storing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await storing
    between.delay = 0
    assert not staged.path.exists()
    assert await listed(storage) == {}
    assert await uploads_in_progress(storage) == []
    assert not any(request.startswith("POST") for request in between.requests)


async def test_a_connection_that_breaks_during_an_upload(swift, bucket, connect, relay):
    """Is the storage's fault, and leaves nothing."""
    between = await relay(swift.endpoint)
    storage = await connect(swift.place(bucket, endpoint=between.endpoint))
    between.delay = 0.01
    async with storage.stage(zeros(32)) as staged:
        start = between.passed
        storing = asyncio.create_task(storage.store(staged, KEY))
        await until(lambda: between.passed > start + MEGABYTE)
        await between.cut()
        between.open.clear()  # the client tries once more on a new connection, and finds nobody
        with pytest.raises(ServiceUnavailable):
            await storing
    between.open.set()
    between.delay = 0
    assert await listed(storage) == {}


async def test_a_connection_that_breaks_during_a_download(swift, bucket, connect, relay):
    """Is not taken for the end of the picture."""
    between = await relay(swift.endpoint)
    storage = await connect(swift.place(bucket, endpoint=between.endpoint))
    async with storage.stage(zeros(16)) as staged:
        await storage.store(staged, KEY)
    async with storage.open(KEY) as blob:
        chunks = blob.read(0, blob.size)
        await anext(chunks)
        await between.cut()
        with pytest.raises(ServiceUnavailable):
            async for _ in chunks:
                pass


async def test_a_slow_server_is_waited_for(swift, bucket, connect, relay, monkeypatch):
    """As long as it takes and gives something: both ways last longer than it may do nothing."""
    monkeypatch.setattr("chitram.adapters.s3_bucket.PATIENCE_SECONDS", 2.0)
    between = await relay(swift.endpoint)
    storage = await connect(swift.place(bucket, endpoint=between.endpoint))
    between.delay = 0.01  # about 6 MB a second
    clock = asyncio.get_running_loop().time
    async with storage.stage(zeros(16)) as staged:
        start = clock()
        await storage.store(staged, KEY)
        assert clock() - start > 2.2  # else this test shows nothing
    assert len(await read(storage)) == 16 * MEGABYTE


@pytest.mark.parametrize("harm", ["kill", "pause"])
async def test_a_server_that_is_away_is_a_clear_error_and_comes_back(swift, storage, harm):
    """Dead or frozen, whatever is asked of it: an error within its deadline, and all is well afterwards."""
    await storage.put(KEY, b"x")
    await storage.check()
    getattr(swift, harm)()
    asked = {
        "put": storage.put("thumbnails/ab/y/150.jpg", b"x"),
        "store": keep(storage, bytes(32 * MEGABYTE), "originals/ab/y"),
        "open": read(storage),
        "delete": storage.delete(["originals/ab/z"]),  # what a frozen server was asked, it may still do later
        "walk": listed(storage),
        "check": storage.check(),
    }
    async with asyncio.timeout(20):
        ended = await asyncio.gather(*asked.values(), return_exceptions=True)
    assert {name: type(end) for name, end in zip(asked, ended, strict=True)} == dict.fromkeys(asked, ServiceUnavailable)
    swift.resume()
    swift.start()
    await storage.check()
    assert await read(storage) == b"x"
    await storage.put("originals/ab/w", b"y")
    assert await read(storage, "originals/ab/w") == b"y"


async def test_a_server_that_freezes_during_a_download(swift, storage):
    """Is given up after its deadline, not waited for."""
    async with storage.stage(zeros(32)) as staged:
        await storage.store(staged, KEY)
    async with storage.open(KEY) as blob:
        chunks = blob.read(0, blob.size)
        await anext(chunks)
        swift.pause()
        async with asyncio.timeout(20):
            with pytest.raises(ServiceUnavailable):
                async for _ in chunks:
                    pass


@pytest.mark.parametrize("kind", ["open", "symlink", "file"])
async def test_uploads_are_not_staged_where_others_could_read_them(storage, tmp_path, kind):
    """`/tmp` is everybody's: whoever made our directory before us would see every picture."""
    staging, theirs = tmp_path / "staging", tmp_path / "theirs"
    if kind == "open":
        staging.mkdir(mode=0o755)
    elif kind == "symlink":
        theirs.mkdir(mode=0o700)
        staging.symlink_to(theirs)
    else:
        staging.touch()
    with pytest.raises(ServiceUnavailable):
        await keep(storage, b"x")
    with pytest.raises(ServiceUnavailable):
        await storage.clear_staging(older_than=datetime.now(UTC) + timedelta(days=1))


async def test_many_keys_are_deleted_by_few_requests(swift, bucket, connect, relay, monkeypatch):
    """A batch each."""
    monkeypatch.setattr("chitram.adapters.blobs_s3.DELETED_AT_ONCE", 10)
    between = await relay(swift.endpoint)
    storage = await connect(swift.place(bucket, endpoint=between.endpoint))
    keys = [f"originals/ab/{number}" for number in range(25)]
    await asyncio.gather(*(storage.put(key, b"x") for key in keys))
    await storage.delete(keys)
    assert await listed(storage) == {}
    assert [request for request in between.requests if request.startswith(("POST", "DELETE"))] == [
        f"POST /{bucket}?delete="
    ] * 3


async def test_a_small_blob_takes_one_request(swift, bucket, connect, relay):
    """Each way; nobody asks for the bucket's location or the object's length first."""
    between = await relay(swift.endpoint)
    storage = await connect(swift.place(bucket, endpoint=between.endpoint))
    asked = len(between.requests)
    await storage.put(KEY, b"x")
    await read(storage)
    assert between.requests[asked:] == [f"PUT /{bucket}/{KEY}", f"GET /{bucket}/{KEY}"]


async def test_what_is_stored_tells_nothing_of_this_machine(storage):
    """Not the name of a temporary file either."""
    await keep(storage, b"x")
    bucket = storage._bucket
    stored = (await bucket.client.stat_object(bucket.name, KEY)).metadata
    assert stored["Content-Type"] == "application/octet-stream"
    assert "Content-Disposition" not in stored


async def test_through_tls(swift, bucket, connect, relay, certificate: Certificate):
    """Bodies are not signed there, but compared by their MD5."""
    aiohttp.connector._SSL_CONTEXT_VERIFIED.load_verify_locations(certificate.authority)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    between = await relay(swift.endpoint, context)
    place = swift.place(bucket, endpoint=between.endpoint)
    storage = await connect(
        S3Place(endpoint=place.endpoint, access_key=place.access_key, secret_key=place.secret_key, bucket=place.bucket)
    )
    data = os.urandom(MEGABYTE)
    await keep(storage, data)
    assert await read(storage, KEY, 100, 5000) == data[100:5000]

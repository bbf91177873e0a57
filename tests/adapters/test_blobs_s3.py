"""Blobs in a real S3 bucket when it is away, slow, frozen, refusing or lying; and within bounded memory."""

import asyncio
import logging
import os
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chitram.adapters.blobs_s3 import PROBE_KEY, S3Storage
from chitram.adapters.s3_bucket import S3Bucket, S3Place
from chitram.domain.errors import ServiceUnavailable
from tests.adapters.blobs import KEY, keep, listed, read, zeros
from tests.servers.certificates import Certificate
from tests.servers.swift import GUEST, OWNER, Swift
from tests.waiting import until

Connect = Callable[..., Awaitable[S3Storage]]
MEGABYTE = 1024 * 1024
A_FEW_CHUNKS = 4 * MEGABYTE


@pytest.fixture(autouse=True)
def impatience(monkeypatch):
    """Frozen servers are given up, and absent ones asked again, sooner than in production."""
    monkeypatch.setattr("chitram.adapters.s3_bucket.PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr("chitram.adapters.s3_bucket.RETRY_SECONDS", 0.1)
    monkeypatch.setattr("chitram.adapters.s3_bucket.START_SECONDS", 2.0)


@pytest.fixture
async def connect(tmp_path: Path) -> AsyncIterator[Connect]:
    """Connect to a bucket until the test ends."""
    async with AsyncExitStack() as stack:

        async def start(place: S3Place) -> S3Storage:
            storage = S3Storage(S3Bucket(place), tmp_path / "staging")
            await stack.enter_async_context(storage.connected())
            return storage

        yield start


@pytest.fixture
async def storage(swift: Swift, bucket: str, connect: Connect) -> S3Storage:
    """An empty bucket on a healthy server."""
    return await connect(swift.place(bucket))


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
    async with storage.stage(zeros(24)) as staged:
        start = clock()
        await storage.store(staged, KEY)
        assert clock() - start > 2.5  # else this test shows nothing
    assert len(await read(storage)) == 24 * MEGABYTE


@pytest.mark.parametrize("harm", ["kill", "pause"])
async def test_a_server_that_is_away_is_a_clear_error_and_comes_back(swift, storage, harm):
    """Dead or frozen, whatever is asked of it: an error within its deadline, and all is well afterwards."""
    await storage.put(KEY, b"x")
    await storage.check()
    getattr(swift, harm)()
    asked = {
        "put": storage.put(KEY, b"x"),
        "store": keep(storage, bytes(32 * MEGABYTE)),
        "open": read(storage),
        "delete": storage.delete([KEY]),
        "walk": listed(storage),
        "check": storage.check(),
    }
    async with asyncio.timeout(20):
        ended = await asyncio.gather(*asked.values(), return_exceptions=True)
    assert {name: type(end) for name, end in zip(asked, ended, strict=True)} == dict.fromkeys(asked, ServiceUnavailable)
    swift.resume()
    swift.start()
    await storage.put(KEY, b"y")
    await storage.check()
    assert await read(storage) == b"y"


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


async def test_the_bucket_is_made_once_the_server_is_there(swift, bucket, connect):
    """The start waits for nobody."""
    swift.kill()
    storage = await connect(swift.place(bucket))
    with pytest.raises(ServiceUnavailable):
        await storage.put(KEY, b"x")
    swift.start()

    async def writable() -> bool:
        try:
            await storage.put(KEY, b"x")
        except ServiceUnavailable:
            return False
        return True

    await until(writable)


async def test_several_processes_may_start_at_once(swift, bucket, connect, caplog):
    """All of them make the bucket, and none complains."""
    storages = await asyncio.gather(*(connect(swift.place(bucket)) for _ in range(4)))
    for storage in storages:
        await storage.check()
    assert [record for record in caplog.records if record.levelno > logging.INFO] == []


@pytest.mark.parametrize(
    ("keys", "code"),
    [((OWNER[0], "wrong-secret"), "SignatureDoesNotMatch"), (GUEST, "AccessDenied")],
    ids=["wrong secret", "no right"],
)
async def test_keys_that_are_refused(swift, bucket, connect, caplog, *, keys, code):
    """An error for callers; for the log a cause, the next step, and no secret."""
    storage = await connect(swift.place(bucket, keys=keys))
    with pytest.raises(ServiceUnavailable) as refused:
        await storage.put(KEY, b"x")
    with pytest.raises(ServiceUnavailable):
        await storage.check()
    assert f"{code}: check MINIO_ACCESS_KEY and MINIO_SECRET_KEY" in caplog.text
    assert keys[1] not in caplog.text
    assert keys[0] not in str(refused.value)


async def test_the_log_is_not_flooded(swift, storage, caplog):
    """One cause is said once a minute, however many requests fail."""
    swift.kill()
    for _ in range(10):
        with pytest.raises(ServiceUnavailable):
            await storage.put(KEY, b"x")
    assert caplog.text.count("check MINIO_ENDPOINT, and that it runs") == 1


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


async def test_no_tls_where_it_is_expected(swift, bucket, connect, caplog):
    """The log says which setting."""
    place = swift.place(bucket)
    storage = await connect(
        S3Place(endpoint=place.endpoint, access_key=place.access_key, secret_key=place.secret_key, bucket=place.bucket)
    )
    with pytest.raises(ServiceUnavailable):
        await storage.check()
    assert "check MINIO_SECURE" in caplog.text


async def test_a_bucket_that_vanishes(storage):
    """Is the storage's fault, not a missing picture."""
    await storage.check()
    bucket = storage._bucket
    await storage.delete([PROBE_KEY])
    await bucket.client.remove_bucket(bucket.name)
    for ask in (storage.check, lambda: read(storage), lambda: storage.put(KEY, b"x")):
        with pytest.raises(ServiceUnavailable):
            await ask()


@pytest.fixture
async def stub() -> AsyncIterator[Callable[[Callable[[web.Request], Awaitable[web.Response]]], Awaitable[S3Place]]]:
    """A server that says what the test wants, for answers that Swift never gives."""
    async with AsyncExitStack() as stack:

        async def start(handler: Callable[[web.Request], Awaitable[web.Response]]) -> S3Place:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", handler)
            server = await stack.enter_async_context(TestServer(app))
            return S3Place(
                endpoint=f"127.0.0.1:{server.port}", access_key="k", secret_key="s", bucket="bucket", secure=False
            )

        yield start


def refusal(status: int, code: str) -> web.Response:
    """An error of S3's."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    return web.Response(status=status, text=body, content_type="application/xml")


async def test_a_bucket_that_is_missing_and_may_not_be_made(stub, connect, caplog):
    """The service runs, and the log says what to do."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=404) if request.method == "HEAD" else refusal(403, "AccessDenied")

    await connect(await stub(answer))
    assert "the bucket bucket does not exist, and MINIO_ACCESS_KEY may not make it: make it yourself" in caplog.text


async def test_a_server_that_ignores_ranges_is_not_believed(stub, connect):
    """Otherwise the beginning of a picture would pass for its middle."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b"0123456789")

    storage = await connect(await stub(answer))
    with pytest.raises(ServiceUnavailable):
        await read(storage, KEY, 3, 5)
    assert await read(storage) == b"0123456789"


@pytest.mark.parametrize(
    "said",
    [
        web.Response(text="<html>Welcome</html", content_type="text/html"),
        web.Response(text="nothing", content_type="application/xml"),
        web.Response(status=500, text="<html>", content_type="text/html"),
        web.Response(status=503),
        web.Response(status=502, body=b"\xff\xfe", content_type="application/xml"),
        web.Response(status=302, headers={"Location": "/elsewhere"}),
    ],
    ids=["a page", "no XML", "a proxy's page", "nothing", "noise", "a redirection"],
)
async def test_an_answer_that_is_not_s3s(stub, connect, said):
    """Never more than the storage's fault."""

    async def answer(request: web.Request) -> web.Response:
        raw = said.body if isinstance(said.body, bytes) else b""
        return web.Response(status=said.status, body=raw, headers=said.headers)

    storage = await connect(await stub(answer))
    with pytest.raises(ServiceUnavailable):
        await listed(storage)


async def test_a_delete_that_was_refused_in_part(stub, connect):
    """Is said: the answer's status is 200 all the same."""

    async def answer(request: web.Request) -> web.Response:
        body = "<DeleteResult><Error><Code>AccessDenied</Code><Key>x</Key></Error></DeleteResult>"
        return web.Response(text=body if request.method == "POST" else "", content_type="application/xml")

    storage = await connect(await stub(answer))
    with pytest.raises(ServiceUnavailable):
        await storage.delete([KEY])


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

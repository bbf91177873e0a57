"""The bucket itself: how it comes to be, and servers that refuse, lie or are none."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from chitram.adapters.blobs_s3 import PROBE_KEY, S3Storage
from chitram.adapters.s3_bucket import S3Place
from chitram.domain.errors import ServiceUnavailable
from tests.adapters.blobs import KEY, listed, read
from tests.servers.ports import free_port
from tests.servers.swift import GUEST, OWNER
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("impatience")


@pytest.fixture
def storage(s3_storage: S3Storage) -> S3Storage:
    """An empty bucket on a healthy server."""
    return s3_storage


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


async def test_the_log_is_not_flooded(swift, bucket, connect, caplog):
    """One cause is said once a minute, however many requests fail."""
    storage = await connect(swift.place(bucket, endpoint=f"127.0.0.1:{free_port()}"))
    for _ in range(10):
        with pytest.raises(ServiceUnavailable):
            await storage.put(KEY, b"x")
    assert caplog.text.count("check MINIO_ENDPOINT, and that it runs") == 1


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

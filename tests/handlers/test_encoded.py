"""Answers that are sent as one piece of bytes are HTTP like all others, seen from a bare socket."""

import asyncio

import pytest

from tests.api import API, thumbnails_ready, upload

GET = "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n"


async def talk(service, *requests):
    """Send raw requests over one connection, all at once; what comes back until the service closes it, or is silent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
    writer.write("".join(requests).encode())
    received = b""
    try:
        while chunk := await asyncio.wait_for(reader.read(65536), 1.0):
            received += chunk
    except TimeoutError:
        return received, False
    finally:
        writer.close()
    return received, True


@pytest.fixture
async def path(service):
    """The address of an image's metadata, which will not change any more."""
    image_id = (await upload(service))["id"]
    await thumbnails_ready(service, image_id)
    return f"{API}/images/{image_id}"


async def test_the_length_is_that_of_the_body(service, path):
    """And every line ends as it should."""
    received, closed = await talk(service, GET.format(path=path))
    head, _, body = received.partition(b"\r\n\r\n")
    lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert int(lines["Content-Length"]) == len(body)
    assert lines["Content-Type"] == "application/json"
    assert lines["Date"].endswith(" GMT")
    assert not closed


async def test_pipelined_requests_are_answered_in_order_on_one_connection(service, path):
    """Each with a request id of its own."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: number-{n}\r\n\r\n" for n in range(9)]
    received, closed = await talk(service, *requests)
    said = [line.partition(b": ")[2] for line in received.split(b"\r\n") if line.startswith(b"X-Request-ID")]
    assert said == [b"number-%d" % n for n in range(9)]
    assert not closed


async def test_who_asks_for_an_end_gets_one(service, path):
    """By header, or by speaking HTTP/1.0."""
    for request in (
        f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n",
    ):
        received, closed = await talk(service, request)
        assert closed
        assert b"\r\nConnection: close\r\n" in received


async def test_an_older_client_may_keep_its_connection(service, path):
    """If it says so, it is told so."""
    request = f"GET {path} HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
    received, closed = await talk(service, request)
    assert b"\r\nConnection: keep-alive\r\n" in received
    assert not closed


async def test_a_head_has_the_same_lines_and_no_body(service, path):
    """The length is that of the body that a GET would have."""
    received, closed = await talk(service, f"HEAD {path} HTTP/1.1\r\nHost: x\r\n\r\n")
    head, _, body = received.partition(b"\r\n\r\n")
    full = (await talk(service, GET.format(path=path)))[0].partition(b"\r\n\r\n")[2]
    assert body == b""
    assert f"Content-Length: {len(full)}".encode() in head
    assert not closed


async def test_a_request_id_cannot_add_a_header(service, path):
    """One that is not plain is replaced."""
    received, _ = await talk(service, f"GET {path} HTTP/1.1\r\nHost: x\r\nX-Request-ID: a b\tSet-Cookie: x\r\n\r\n")
    assert b"Set-Cookie" not in received


async def test_a_revalidation_has_the_same_validators(service, path):
    """304 carries what a 200 would have said."""
    async with service.get(path) as whole:
        pass
    async with service.get(path, headers={"If-None-Match": whole.headers["ETag"]}) as answer:
        assert answer.status == 304
        for name in ("ETag", "Cache-Control", "X-Cache"):
            assert answer.headers[name] == whole.headers[name]
        assert "X-Request-ID" in answer.headers

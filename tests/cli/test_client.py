"""The client waits when it is told to, and gives up when that does not help. Against a server that misbehaves."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer

from chitram.cli.bulk.outcome import Outcome, Result
from chitram.cli.bulk.run import Import, KnownToServer, ServerGone
from chitram.client import API, ApiError, Client, Patience, Unreachable
from tests.pictures import picture

IMAGE = {"id": "51e6e972-e59e-8e37-84e2-f12d6a1b2f4d", "duplicate": False}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Connect = Callable[..., Awaitable[Client]]


def problem(status: int, **headers: str) -> web.Response:
    """A refusal as the service words it."""
    fields = {"code": f"CODE_{status}", "detail": f"Detail {status}."}
    return web.json_response(fields, status=status, headers=headers, content_type="application/problem+json")


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """A client, of little patience, of a server whose uploads are answered by a handler."""
    servers: list[TestServer] = []
    sessions: list[ClientSession] = []

    async def start(upload: Handler, *, live: bool = True) -> Client:
        async def live_or_not(_request: web.Request) -> web.Response:
            return web.Response(status=200 if live else 503)

        async def none(_request: web.Request) -> web.Response:
            return web.json_response({"items": []})

        app = web.Application()
        app.router.add_post(f"{API}/images/upload", upload)
        app.router.add_get(f"{API}/users/me/images", none)
        app.router.add_get("/health/live", live_or_not)
        servers.append(TestServer(app))
        await servers[-1].start_server()
        sessions.append(ClientSession())
        return Client(sessions[-1], str(servers[-1].make_url("/")), patience=Patience(3, first_pause=0.001))

    yield start
    for session in sessions:
        await session.close()
    for server in servers:
        await server.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A picture."""
    path = tmp_path / "a\nb.png"
    path.write_bytes(picture())
    return path


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_server_is_asked_again_with_the_whole_file_and_the_same_key(
    connect: Connect, file: Path, status: int
):
    """So that a server which had stored it after all can tell."""
    seen: list[tuple[str, bytes]] = []

    async def busy_once(request: web.Request) -> web.Response:
        form = await request.post()
        sent = form["file"]
        assert isinstance(sent, web.FileField)
        seen.append((request.headers["Idempotency-Key"], sent.file.read()))
        return web.json_response(IMAGE, status=201) if len(seen) > 1 else problem(status, **{"Retry-After": "0"})

    client = await connect(busy_once)
    assert (await client.upload(file, visibility="public"))["id"] == IMAGE["id"]
    assert seen[0] == seen[1]
    assert seen[0][1] == picture()


async def test_a_refusal_is_final(connect: Connect, file: Path):
    """It has the server's code and its sentence, and is not asked for twice."""
    asked = 0

    async def refuse(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return problem(415)

    client = await connect(refuse)
    with pytest.raises(ApiError, match=r"Detail 415\.") as refused:
        await client.upload(file, visibility="public")
    assert (refused.value.code, asked) == ("CODE_415", 1)


async def test_patience_ends(connect: Connect, file: Path):
    """After as many attempts as it has."""
    asked = 0

    async def busy(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return problem(503)

    client = await connect(busy)
    with pytest.raises(ApiError):
        await client.upload(file, visibility="public")
    assert asked == 3


async def test_a_proxys_page_is_a_refusal_too(connect: Connect, file: Path):
    """Its status stands for the code."""

    async def page(_request: web.Request) -> web.Response:
        return web.Response(status=400, text="<html>", content_type="text/html")

    with pytest.raises(ApiError) as refused:
        await (await connect(page)).upload(file, visibility="public")
    assert refused.value.code == "HTTP_400"


async def test_a_broken_connection_is_tried_again_and_then_said(connect: Connect, file: Path):
    """A server that hangs up in the middle of a request."""
    asked = 0

    async def hang_up(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    client = await connect(hang_up)
    with pytest.raises(Unreachable):
        await client.upload(file, visibility="public")
    assert asked == 3


@pytest.mark.parametrize("live", [True, False])
async def test_an_import_goes_on_past_one_file_but_not_without_a_server(connect: Connect, file: Path, live: bool):
    """A file that breaks every connection is refused; a server that is gone ends the run."""

    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    client = await connect(hang_up, live=live)
    outcomes: list[Outcome] = []
    run = Import(client, KnownToServer(client), visibility="public", jobs=1, report=outcomes.append)
    if live:
        assert await run.run([file])
        assert [(outcome.result, outcome.code) for outcome in outcomes] == [(Result.REFUSED, "CONNECTION_LOST")]
    else:
        with pytest.raises(ServerGone):
            await run.run([file])


def test_what_the_server_asks_for_is_waited_and_bounded():
    """A minute at most, whatever it says; jitter and doubling where it says nothing."""
    patience = Patience()
    assert patience.pause(0, "7") == 7
    assert patience.pause(0, "86400") == 60
    assert 0.25 <= patience.pause(0, None) <= 0.5
    assert 30 <= patience.pause(20, "Wed, 21 Oct 2026 07:28:00 GMT") <= 60

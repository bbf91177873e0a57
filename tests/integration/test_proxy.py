"""The proxy of `compose.yaml`: a real Caddy in front of real instances."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from chitram.keys import HEALTH, METRICS
from tests.api import API, Client, upload_form
from tests.pictures import noise, picture
from tests.servers.ports import free_port
from tests.servers.proxy import StartProxy
from tests.waiting import until


@pytest.fixture
async def session() -> AsyncIterator[ClientSession]:
    """A client without cookies."""
    async with ClientSession() as opened:
        yield opened


def address(client: Client) -> str:
    """Where an instance listens."""
    return f"127.0.0.1:{client.server.port}"


async def status(session: ClientSession, url: str) -> int:
    """Of a GET."""
    async with session.get(URL(url, encoded=True), allow_redirects=False) as answer:
        return answer.status


async def test_what_is_for_operators_stays_inside(service, start_proxy: StartProxy, session):
    """However its address is spelled; the gallery and the readiness are for everybody."""
    proxy = start_proxy(address(service))
    for path in ("/metrics", "/metrics/", "//metrics", "/%6detrics", "/METRICS", "/./metrics", "/health", "/health/"):
        assert await status(session, proxy.http + path) == 404, path
    for path in ("/", f"{API}/images", "/health/ready", "/health/live"):
        assert await status(session, proxy.http + path) == 200, path
    assert await status(session, proxy.probe) == 200


async def test_a_picture_of_25_megabytes_passes(service, start_proxy, session):
    """And one that is too large is refused in the service's own words."""
    proxy = start_proxy(address(service))
    body = noise((1600, 1200))
    body += bytes(25 * 1024 * 1024 - len(body))
    async with session.post(f"{proxy.http}{API}/images/upload", data=upload_form(body)) as answer:
        fields = await answer.json()
        assert answer.status == 201, fields
    async with session.get(f"{proxy.http}{API}/images/{fields['id']}/file", headers={"Range": "bytes=-9"}) as answer:
        assert (answer.status, await answer.read()) == (206, bytes(9))
    async with session.post(f"{proxy.http}{API}/images/upload", data=upload_form(body + b"x" * 200_000)) as answer:
        assert (answer.status, (await answer.json())["code"]) == (413, "FILE_TOO_LARGE")


async def test_an_instance_that_dies_is_not_noticed(start_service, start_proxy, session):
    """What it cannot take goes to the other one, uploads too."""
    one, other = await start_service(), await start_service(sole=False)
    proxy = start_proxy(address(one), address(other))
    await one.close()
    for seed in range(6):
        form = upload_form(picture(seed=seed))
        async with session.post(f"{proxy.http}{API}/images/upload", data=form) as answer:
            assert answer.status == 201
        assert await status(session, f"{proxy.http}/") == 200


async def test_an_instance_that_is_stopping_gets_no_more(start_service, start_proxy, session):
    """It says so at `/health/ready`."""
    one, other = await start_service(), await start_service(sole=False)
    proxy = start_proxy(address(one), address(other))
    one.app[HEALTH].draining = True

    def answered() -> list[str]:
        return re.findall(
            rb'^chitram_http_requests_total.*route="/",.* (\d+)', one.app[METRICS].expose()[0], re.MULTILINE
        )

    async def passed_by() -> bool:
        before = answered()
        assert set(await asyncio.gather(*(status(session, f"{proxy.http}/") for _ in range(10)))) == {200}
        return answered() == before

    await until(passed_by)


async def test_without_any_instance_the_proxy_says_it_in_our_words(start_proxy, session):
    """JSON for programs, a sentence for people, and when to come again."""
    proxy = start_proxy(f"127.0.0.1:{free_port()}")
    program, person = await asyncio.gather(session.get(f"{proxy.http}{API}/images"), session.get(f"{proxy.http}/"))
    assert (program.status, program.content_type) == (503, "application/problem+json")
    assert (await program.json())["code"] == "SERVICE_UNAVAILABLE"
    assert program.headers["Retry-After"] == "5"
    assert person.status == 503
    assert "Try again" in await person.text()


async def test_nobody_may_claim_to_be_somewhere_else(start_proxy, session):
    """The forwarding headers are the proxy's own; the host is the client's."""

    async def echo(request: web.Request) -> web.Response:
        return web.json_response(dict(request.headers))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", echo)
    async with TestServer(app) as server:
        proxy = start_proxy(f"127.0.0.1:{server.port}")
        claims = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
        async with session.get(f"{proxy.http}/", headers=claims) as answer:
            seen = await answer.json()
    assert seen["X-Forwarded-For"] in {"127.0.0.1", "::1"}
    assert seen["X-Forwarded-Proto"] == "http"
    assert "evil" not in str(seen)
    assert proxy.http.endswith(seen["Host"])


async def test_with_tls(service, start_proxy, session):
    """By a certificate of its own for `localhost`; plain requests are sent there."""
    proxy = start_proxy(address(service), site="localhost")
    await until(proxy.authority.exists)
    trusting = ssl.create_default_context(cafile=str(proxy.authority))

    async def answers() -> bool:
        async with session.get(f"{proxy.https}/", ssl=trusting) as answer:
            return bool(answer.status == 200)

    await until(answers)
    async with session.get(f"{proxy.http}/", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (308, "https://localhost/")

"""What a service writes while people use and abuse it: lines for machines, none of them with a secret."""

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from chitram.embedded.node import NodeProcess
from tests.api import API, PASSWORD
from tests.cli.stack import fetch, in_flight, post, request, upload_picture
from tests.pictures import picture
from tests.servers.command import Chitram, Running
from tests.waiting import until

JWT_SECRET = "a-signing-key-of-more-than-32-bytes"
DATABASE_PASSWORD, NODE_PASSWORD = "database-password", "node/password"


def stopped(running: Running) -> list[dict[str, Any]]:
    """All of its lines."""
    running.interrupt(signal.SIGINT)
    assert running.wait(10) == 0
    return [json.loads(line) for line in running.errors.splitlines()]


def test_no_line_holds_a_secret(chitram: Chitram, postgres_url: str, redis_node: NodeProcess, tmp_path: Path):
    """Passwords, tokens, delete tokens, headers, addresses with passwords: not even when everything is logged."""
    environ = {
        "DATABASE_URL": postgres_url.replace("postgres@", f"postgres:{DATABASE_PASSWORD}@"),
        "LOCAL_STORAGE_PATH": str(tmp_path / "blobs"),
        "REDIS_NODES": f"a=redis://:node%2Fpassword@127.0.0.1:{redis_node.port},b=redis://u:{NODE_PASSWORD[:4]}@127.0.0.1:1",
        "JWT_SECRET_KEY": JWT_SECRET,
        "DEBUG": "true",
        "ACCESS_LOG": "true",
    }
    serve = chitram("serve", "--port", 0, environ=environ)
    url = serve.wait_for("ready ")
    account = {"email": "ann@example.com", "password": PASSWORD}
    token = post(f"{url}{API}/auth/register", account)["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert request("GET", f"{url}{API}/users/me", headers=bearer) == 200
    assert request("GET", f"{url}{API}/users/me", headers={"Authorization": f"Basic {token}"}) == 401
    assert request("GET", f"{url}{API}/users/me", headers={"Authorization": f"Bearer {token}x"}) == 401
    assert request("GET", f"{url}/?next=https://ann:{PASSWORD.replace(' ', '+')}@example.com/&token={token}") == 200
    first, second = (upload_picture(url, seed=seed) for seed in (1, 2))
    address = f"{url}{API}/images/{first['id']}"
    assert request("DELETE", f"{address}?delete_token={second['delete_token']}") == 403
    assert request("DELETE", f"{address}?delete_token={first['delete_token']}") == 204
    _malformed(url, f"DELETE /x?delete_token={second['delete_token']}\x00 HTTP/1.1\r\nHost: x\r\n\r\n")
    _malformed(url, f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer\x00{token}\r\n\r\n")
    _malformed(url, f"GET / HTTP/1.1\r\nHost: x\r\nCookie chitram_session={token}\r\n\r\n")
    lines = stopped(serve)
    assert [line for line in lines if line["event"] == "request"]
    written = serve.errors + "\n".join(serve.lines)
    secrets = [PASSWORD, token, first["delete_token"], second["delete_token"], JWT_SECRET, DATABASE_PASSWORD]
    for secret in [*secrets, NODE_PASSWORD, "node%2Fpassword", *token.split(".")[1:]]:
        assert secret not in written
    assert "Traceback" not in written


def test_each_request_is_a_line_when_that_is_wanted(chitram: Chitram, data: Path):
    """Route and path, status, time, size, who asked, and how the metadata were found."""
    up = chitram("up", "--port", 0, "--data", data, environ={"ACCESS_LOG": "true"})
    url = up.wait_for("ready ")
    account = post(f"{url}{API}/auth/register", {"email": "ann@example.com", "password": PASSWORD})
    image = upload_picture(url)
    metadata, _ = fetch(f"{url}{API}/images/{image['id']}")
    token = {"Authorization": f"Bearer {account['access_token']}"}
    assert request("GET", f"{url}{API}/images/{image['id']}?x=1", headers=token) == 200
    body, _ = fetch(f"{url}{image['url']}")
    assert request("GET", f"{url}/nothing/%0Ahere%1B[2J") == 404
    lines = [line for line in stopped(up) if line["event"] == "request"]
    by_path = {line["path"]: line for line in lines}
    shown = by_path[f"{API}/images/{image['id']}"]
    assert (shown["method"], shown["route"], shown["status"]) == ("GET", f"{API}/images/{{id}}", 200)
    assert shown["cache"] in {"HIT", "MISS"}
    assert shown["node"] in set("abc")
    assert shown["user"] == account["user"]["id"]
    assert shown["ms"] > 0
    assert shown["bytes"] > len(metadata)
    assert len({line["request_id"] for line in lines}) == len(lines)
    assert by_path[image["url"]]["bytes"] > len(body)
    assert by_path["/nothing/%0Ahere%1B[2J"]["route"] == "unmatched"


@pytest.mark.parametrize(
    ("wanted", "levels", "requests"),
    [({"LOG_LEVEL": "WARNING"}, set(), False), ({"LOG_LEVEL": "debug"}, {"info"}, True)],
    ids=["warnings", "debug"],
)
def test_how_much_is_logged_is_a_setting(
    chitram: Chitram, data: Path, wanted: dict[str, str], levels: set[str], requests: bool
):
    """Requests only where somebody asks for them."""
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 1, environ=wanted)
    assert fetch(f"{up.wait_for('ready ')}/health")[0]
    lines = stopped(up)
    assert {line["level"] for line in lines} - {"debug"} == levels
    assert any(line["event"] == "request" for line in lines) is requests


def test_whoever_leaves_in_the_middle_is_nobody_s_failure(chitram: Chitram, data: Path):
    """Of a file or of an export: a request that ended with 499, and no error, let alone a stack."""
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0, environ={"ACCESS_LOG": "true"})
    url = up.wait_for("ready ")
    token = post(f"{url}{API}/auth/register", {"email": "ann@example.com", "password": PASSWORD})["access_token"]
    image = upload_picture(url, data=picture("image/jpeg") + bytes(15_000_000), token=token)
    paths = {f"{API}/images/{image['id']}/file", f"{API}/users/me/export"}
    for path in paths:
        _leave(url, f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n")
    asyncio.run(until(lambda: in_flight(url) == "chitram_http_in_flight 1.0\n"))
    metrics = fetch(f"{url}/metrics")[0].decode()
    lines = stopped(up)
    assert {line["path"] for line in lines if line.get("status") == 499} == paths
    assert {line["level"] for line in lines} == {"info"}
    for route in (f"{API}/images/{{id}}/file", f"{API}/users/me/export"):
        assert f'chitram_http_requests_total{{method="GET",route="{route}",status="499"}} 1.0' in metrics


def test_people_get_lines_for_people(chitram: Chitram, data: Path):
    """On a terminal, or where it is asked for."""
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0, environ={"LOG_FORMAT": "console"})
    up.wait_for("ready ")
    up.interrupt(signal.SIGINT)
    assert up.wait(10) == 0
    assert "] stopping; once more to end at once [chitram.cli.stopping] signal=SIGINT" in up.errors
    assert "{" not in up.errors


def _leave(url: str, text: str) -> None:
    """Once it answers; what is unread resets the connection."""
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(text.encode())
        assert b" 200 " in client.recv(100)


def _malformed(url: str, text: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(text.encode())
        assert b" 400 " in client.recv(100)

"""`chitram up` as a person uses it: one command starts everything, one signal stops it."""

import asyncio
import json
import re
import signal
import socket
from pathlib import Path

import pytest

from tests.api import API
from tests.cli.stack import fetch, in_flight, node_processes, post, request, upload_picture
from tests.pictures import picture
from tests.servers.command import Chitram
from tests.waiting import until


def test_it_says_every_address_and_all_of_them_answer(chitram: Chitram, data: Path):
    """Gallery, API, metrics, health; three nodes; `ready` comes last and is true."""
    up = chitram("up", "--port", 0, "--data", data)
    url = up.wait_for("ready ")
    said = "\n".join(up.lines)
    for name, path in {"gallery": "/", "API": "/api/v1", "metrics": "/metrics", "health": "/health"}.items():
        assert re.search(rf"^  {name} +{re.escape(url + path)}$", said, re.MULTILINE)
    for path in ("/", f"{API}/images", "/metrics", "/health"):
        assert fetch(url + path)[0]
    assert re.findall(r"^  node (.) +unix://.*/(.)\.sock$", said, re.MULTILINE) == [("a", "a"), ("b", "b"), ("c", "c")]
    assert f"{data}/chitram.db" in said
    assert f"{data}/blobs" in said


def test_metadata_come_from_a_node_the_second_time(chitram: Chitram, data: Path):
    """The ring is real: a hit names its node."""
    url = chitram("up", "--port", 0, "--data", data).wait_for("ready ")
    image = upload_picture(url)

    async def hit() -> bool:
        _, headers = await asyncio.to_thread(fetch, f"{url}{API}/images/{image['id']}")
        return headers["X-Cache"] == "HIT" and headers["X-Cache-Node"] in "abc"

    asyncio.run(until(hit))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_of_it_and_the_next_start_has_every_picture(
    chitram: Chitram, data: Path, number: signal.Signals
):
    """Gracefully, and at the latest after ten seconds."""
    up = chitram("up", "--port", 0, "--data", data)
    image = upload_picture(up.wait_for("ready "))
    assert len(node_processes(data)) == 3
    up.interrupt(number)
    assert up.wait(10) == 0
    assert node_processes(data) == []
    assert "Traceback" not in up.errors
    url = chitram("up", "--port", 0, "--data", data).wait_for("ready ")
    assert fetch(f"{url}{image['url']}")[0] == picture()
    assert [item["id"] for item in json.loads(fetch(f"{url}{API}/images")[0])["items"]] == [image["id"]]


def test_a_killed_parent_leaves_no_orphan_and_the_directory_free(chitram: Chitram, data: Path):
    """After kill -9 the nodes are gone and the next start works at once."""
    up = chitram("up", "--port", 0, "--data", data)
    image = upload_picture(up.wait_for("ready "))
    assert len(node_processes(data)) == 3
    up.interrupt(signal.SIGKILL)
    up.wait()
    asyncio.run(until(lambda: not node_processes(data)))
    url = chitram("up", "--port", 0, "--data", data).wait_for("ready ")
    assert fetch(f"{url}{image['url']}")[0] == picture()


def test_a_second_signal_ends_it_at_once(chitram: Chitram, data: Path):
    """Though a client that never finishes its request would hold the first one up."""
    up = chitram("up", "--port", 0, "--data", data)
    url = up.wait_for("ready ")
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(f"POST {API}/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        asyncio.run(until(lambda: " 2.0\n" in in_flight(url) or " 2\n" in in_flight(url)))
        up.interrupt(signal.SIGTERM)
        asyncio.run(until(lambda: "once more to end at once" in up.errors))
        up.interrupt(signal.SIGTERM)
        assert up.wait(5) == 128 + signal.SIGTERM
    asyncio.run(until(lambda: not node_processes(data)))


def test_a_slow_client_holds_the_stop_up_for_ten_seconds_at_most(chitram: Chitram, data: Path):
    """Then it is cut off."""
    up = chitram("up", "--port", 0, "--data", data)
    url = up.wait_for("ready ")
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(f"POST {API}/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        asyncio.run(until(lambda: " 2" in in_flight(url)))
        up.interrupt()
        assert up.wait(10) == 0


def test_an_upload_under_way_finishes_before_the_end(chitram: Chitram, data: Path):
    """Ctrl-C while half of the body is there: the other half still arrives, is answered, and is kept."""
    up = chitram("up", "--port", 0, "--data", data)
    host, port = up.wait_for("ready ").removeprefix("http://").split(":")
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + picture() + b"\r\n--x--\r\n"
    )
    head = f"POST {API}/images/upload HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + body[:100])
        asyncio.run(until(lambda: any((data / "blobs" / "staging").glob("*"))))
        up.interrupt(signal.SIGINT)
        asyncio.run(until(lambda: "once more to end at once" in up.errors))
        client.sendall(body[100:])
        client.settimeout(10)
        assert client.recv(100).startswith(b"HTTP/1.1 201 ")
    assert up.wait(10) == 0
    url = chitram("up", "--port", 0, "--data", data).wait_for("ready ")
    assert request("GET", f"{url}/health/live") == 200
    assert len(list((data / "blobs" / "originals").rglob("*-*"))) == 1


def test_sessions_survive_a_restart(chitram: Chitram, data: Path):
    """The secret lies in the directory."""
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0)
    account = {"email": "ann@example.com", "password": "correct horse battery"}
    token = post(f"{up.wait_for('ready ')}{API}/auth/register", account)["access_token"]
    up.interrupt()
    up.wait()
    url = chitram("up", "--port", 0, "--data", data, "--nodes", 0).wait_for("ready ")
    me = f"{url}{API}/auth/me"
    assert request("GET", me, headers={"Authorization": f"Bearer {token}"}) == 200
    assert request("GET", me, headers={"Authorization": f"Bearer {token[:-2]}xx"}) == 401


def test_what_the_environment_names_for_serve_is_not_touched(chitram: Chitram, data: Path):
    """And the person is told."""
    elsewhere = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_NODES": "x=127.0.0.1:1"}
    up = chitram("up", "--port", 0, "--data", data, environ=elsewhere)
    url = up.wait_for("ready ")
    assert "DATABASE_URL, REDIS_NODES: not used by `chitram up`" in up.errors
    assert upload_picture(url)["id"]

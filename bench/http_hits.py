"""What does a HIT over HTTP cost, with everything on, against a bare aiohttp handler that returns the same bytes?

    python -m bench.http_hits [SECONDS]

Both servers run on uvloop and share one core; wrk (Debian: apt-get install wrk) and the Redis nodes have the other.
Seven rounds of each, in turns, since such a machine is not equally fast at all times: the ratio is the median of the
rounds' ratios. The bare one has no middleware, log, cache or database: what aiohttp itself costs.

First with 32 connections, where a core can have to wait for the node; then with 128, where it never does.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from aiohttp import ClientSession, FormData, web

from tests.pictures import picture

CONNECTIONS = (32, 128)
ROUNDS = 7
SERVER_CORE, LOAD_CORE = "0", "1"


class Server(NamedTuple):
    """A running server: its process and the address to ask."""

    pid: int
    url: str


class Round(NamedTuple):
    """One run of wrk: requests a second, milliseconds, and the server's CPU time a request in microseconds."""

    rate: float
    p50: float
    p99: float
    cpu: float


def main() -> None:
    """Measure and print the table."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is needed to load the servers: apt-get install wrk")
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as directory, chitram(Path(directory)) as ours:
        url, body = asyncio.run(hit(ours.url))
        (Path(directory) / "body").write_bytes(body)
        with bare(Path(directory) / "body") as other:
            for many in CONNECTIONS:
                rounds = [
                    (load(other, many, seconds), load(ours._replace(url=url), many, seconds)) for _ in range(ROUNDS)
                ]
                report(many, rounds)


async def hit(base: str) -> tuple[str, bytes]:
    """Upload a picture and read it until it is a HIT; its address and the body."""
    async with ClientSession() as session:
        form = FormData()
        form.add_field("file", picture(), filename="a.png", content_type="image/png")
        async with session.post(f"{base}/api/v1/images/upload", data=form) as answer:
            url = base + (await answer.json())["links"]["self"]
        while True:
            async with session.get(url) as answer:
                body = await answer.read()
                if answer.headers["X-Cache"] == "HIT" and (await answer.json())["thumbnail_ready"]:
                    return url, body


def load(server: Server, connections: int, seconds: int) -> Round:
    """One run of wrk."""
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", server.url]
    before = _cpu_seconds(server.pid)
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    spent = _cpu_seconds(server.pid) - before
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"requests failed:\n{text}")
    rate, requests = (float(_found(pattern, text)) for pattern in (r"Requests/sec:\s+([\d.]+)", r"(\d+) requests in"))
    return Round(rate, _milliseconds(text, "50%"), _milliseconds(text, "99%"), spent / requests * 1e6)


def report(connections: int, rounds: list[tuple[Round, Round]]) -> None:
    """The medians side by side, of the ratios too, and how far the rounds' ratios were apart."""
    ratios = [Round(*(b / a for a, b in zip(*pair, strict=True))) for pair in rounds]
    print(f"{connections} connections, one core for the server, medians of {len(rounds)} rounds\n")
    print("| | requests/s | p50 ms | p99 ms | server CPU µs/request |\n|---|---|---|---|---|")
    for name, column in zip(("bare aiohttp handler", "GET /images/{id}, HIT"), zip(*rounds, strict=True), strict=True):
        row = _medians(column)
        print(f"| {name} | {row.rate:,.0f} | {row.p50:.2f} | {row.p99:.2f} | {row.cpu:.1f} |")
    print("| ratio | " + " | ".join(f"{ratio:.2f}" for ratio in _medians(ratios)) + " |")
    rates = sorted(ratio.rate for ratio in ratios)
    print(f"\nrequests/s by round: {', '.join(f'{rate:.2f}' for rate in rates)} of the bare handler's\n", flush=True)


def _medians(rounds: Sequence[Round]) -> Round:
    return Round(*(median(column) for column in zip(*rounds, strict=True)))


@contextmanager
def chitram(directory: Path) -> Iterator[Server]:
    """The embedded stack, its service on the server's core."""
    command = [sys.executable, "-m", "chitram", "up", "--port", "0", "--data", str(directory / "data")]
    with running(command, ready="ready ") as (child, line):
        subprocess.run(["taskset", "-acp", SERVER_CORE, str(child.pid)], check=True, stdout=subprocess.DEVNULL)
        for node in Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split():
            subprocess.run(["taskset", "-acp", LOAD_CORE, node], check=True, stdout=subprocess.DEVNULL)
        yield Server(child.pid, line.removeprefix("ready ").strip())


@contextmanager
def bare(body: Path) -> Iterator[Server]:
    """One handler that returns the same bytes."""
    command = ["taskset", "-c", SERVER_CORE, sys.executable, "-m", "bench.http_hits", "--bare", str(body)]
    with running(command, ready="ready ") as (child, line):
        yield Server(child.pid, line.removeprefix("ready ").strip() + "/")


@contextmanager
def running(command: list[str], *, ready: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server until the block ends, and the line in which it says that it is ready."""
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    try:
        assert child.stdout is not None
        line = next((line for line in child.stdout if line.startswith(ready)), "")
        if not line:
            sys.exit(f"{command[0]} did not start")
        yield child, line
    finally:
        child.send_signal(signal.SIGTERM)
        child.wait()


async def serve_bare(body: bytes) -> None:
    """aiohttp and nothing else."""

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.add_routes([web.get("/", handler)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(f"ready http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.Event().wait()


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _milliseconds(text: str, percentile: str) -> float:
    value, unit = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]  # wrk's format
    return float(value) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    if match is None:
        sys.exit(f"wrk printed something else:\n{text}")
    return match[1]


if __name__ == "__main__":
    if "--bare" in sys.argv:
        import uvloop

        uvloop.run(serve_bare(Path(sys.argv[-1]).read_bytes()))
    else:
        main()

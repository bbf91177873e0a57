"""Short words for what the tests of a running stack do again and again."""

import asyncio
import json
import os
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from aiohttp import ClientSession

from tests.api import API, bearer, upload_form
from tests.pictures import picture


def fetch(url: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a page."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return answer.read(), dict(answer.headers)


def upload_picture(url: str, *, seed: int = 0, data: bytes | None = None, token: str | None = None) -> dict[str, Any]:
    """Upload a picture, a small one unless its bytes are given, and return its fields."""

    async def send() -> dict[str, Any]:
        form = upload_form(data or picture(seed=seed), visibility="public")
        session = ClientSession(headers=bearer(token))
        async with session, session.post(f"{url}{API}/images/upload", data=form) as answer:
            fields: dict[str, Any] = await answer.json()
            return fields

    return asyncio.run(send())


def node_processes(data: Path) -> list[int]:
    """The ids of all processes that run a node of this directory."""
    marker = os.fsencode(data / "run")  # a server's title has its socket's path
    numbered = (entry for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return [int(entry.name) for entry in numbered if marker in _command_line(entry)]


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def in_flight(url: str) -> str:
    """The metric's line; the request that asks for it counts as one."""
    metrics = fetch(f"{url}/metrics")[0].decode()
    return "".join(line + "\n" for line in metrics.splitlines() if line.startswith("chitram_http_in_flight "))


def post(url: str, fields: dict[str, str]) -> dict[str, Any]:
    """Send JSON, get JSON."""
    asked = urllib.request.Request(url, json.dumps(fields).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def request(method: str, url: str, *, headers: dict[str, str] | None = None) -> int:
    """Only the status."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, method=method, headers=headers or {}), timeout=30
        ) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code

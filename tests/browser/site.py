"""The whole service in a thread of this process, on a port of its own, and what tests put into it over HTTP."""

import asyncio
import io
import json
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

from aiohttp import web
from PIL import Image

from chitram.adapters.schema import migrate
from chitram.app import create_app
from chitram.services.ring_ports import Chaos
from chitram.settings import Settings

DEADLINE_SECONDS = 20.0


class Site:
    """A running site. The methods speak its REST API, as a client would."""

    def __init__(self, url: str, database: Path) -> None:
        self.url = url
        self._database = database

    def upload(
        self, data: bytes, name: str = "picture.jpg", *, token: str | None = None, **fields: str
    ) -> dict[str, Any]:
        """Upload one picture and return the answer."""
        boundary = uuid4().hex
        body = b"".join(_part(boundary, f'name="{key}"', value.encode()) for key, value in fields.items())
        body += _part(boundary, f'name="file"; filename="{name}"', data) + f"--{boundary}--\r\n".encode()
        return self._call("/images/upload", body, f"multipart/form-data; boundary={boundary}", token)

    def register(self, email: str, password: str) -> str:
        """Open an account and return its token."""
        body = json.dumps({"email": email, "password": password}).encode()
        token: str = self._call("/auth/register", body, "application/json", None)["access_token"]
        return token

    def promote(self, email: str) -> None:
        """Make an account an administrator's, as `chitram user create-admin` does."""
        with closing(sqlite3.connect(self._database)) as connection, connection:
            connection.execute("UPDATE users SET is_admin = 1 WHERE email = ?", (email,))

    def allow(self, email: str, quota: int) -> None:
        """Give an account so many bytes, as `chitram user quota` does."""
        change = "INSERT OR REPLACE INTO user_quotas SELECT id, ? FROM users WHERE email = ?"
        with closing(sqlite3.connect(self._database)) as connection, connection:
            connection.execute(change, (quota, email))

    def image(self, image_id: str) -> dict[str, Any] | None:
        """The metadata of an image, or `None` when there is no such image."""
        try:
            return self._call(f"/images/{image_id}", None, None, None)
        except HTTPError as error:
            assert error.code == 404  # noqa: PT017  anything else is a failure of the set-up, not of the page
            return None

    def wait_for_thumbnails(self, image_id: str) -> None:
        """Return when the image's thumbnails are there."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not (found := self.image(image_id)) or not found["thumbnail_ready"]:
            assert time.monotonic() < deadline, f"no thumbnails for {image_id} after {DEADLINE_SECONDS} s"
            time.sleep(0.05)

    def _call(self, path: str, body: bytes | None, kind: str | None, token: str | None) -> dict[str, Any]:
        request = urllib.request.Request(f"{self.url}/api/v1{path}", data=body)
        if kind:
            request.add_header("Content-Type", kind)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=DEADLINE_SECONDS) as response:
            answer: dict[str, Any] = json.load(response)
        return answer


@contextmanager
def running_site(directory: Path, *, chaos: Chaos | None = None, **settings: object) -> Iterator[Site]:
    """Run the service on SQLite and disk storage below *directory*, uncached, until the block ends."""
    chosen = Settings.load(
        {},
        {
            "database_url": f"sqlite:///{directory}/chitram.db",
            "local_storage_path": directory / "blobs",
            "cache_enabled": False,
            **settings,
        },
        dotenv=None,
    )
    ready, stop, port = threading.Event(), asyncio.Event(), 0
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        nonlocal port
        runner = web.AppRunner(create_app(chosen, sole=True, chaos=chaos), handle_signals=False)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        ready.set()
        await stop.wait()
        await runner.cleanup()

    def run() -> None:
        migrate(chosen.database_url)  # in this thread too: playwright keeps an event loop running in the main one
        loop.run_until_complete(serve())

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(DEADLINE_SECONDS), "the service did not start"
    try:
        yield Site(f"http://127.0.0.1:{port}", directory / "chitram.db")
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(DEADLINE_SECONDS)
        loop.close()


def jpeg(width: int = 600, height: int = 400, *, seed: int = 0) -> bytes:
    """A small picture that differs with *seed*."""
    color = (60 + seed * 37 % 180, 60 + seed * 59 % 180, 60 + seed * 83 % 180)
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, "JPEG", comment=f"{seed}".encode())
    return buffer.getvalue()


def _part(boundary: str, disposition: str, data: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + data + b"\r\n"

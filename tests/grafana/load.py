"""A short load: Locust's users at one instance, and at all of them somebody who only does what is refused."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

from tests.api import API, PASSWORD, upload_form
from tests.pictures import bomb, picture

LOCUSTFILE = Path(__file__).parents[2] / "bench" / "locustfile.py"
USERS = ("-u", "8", "-r", "8", "-t", "280s", "--visitors", "3", "--api-clients", "3", "--uploaders", "2")
HABITS = ("--pace", "0.2", "--pixels", "0.1", "--corpus", "24")
PATIENCE = ("--p95", "60000", "--p99", "60000", "--hit-ratio", "0.01")
END_SECONDS = 40.0


def _heed_interrupts() -> None:
    """Locust ends in order on Ctrl-C alone, which a test run in the background has its children ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


class Load:
    """Runs until its block ends; then *result* is Locust's own, and *failures* has what else went wrong."""

    def __init__(self, session: ClientSession, instances: Sequence[str], place: Path) -> None:
        self._session = session
        self._instances = instances
        self._place = place
        self._random = random.Random(1)
        self.result: dict[str, Any] = {}
        self.failures: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """In the background, for as long as the block lasts."""
        locust = self._start_locust()
        misfit = asyncio.create_task(self._misbehave())
        try:
            yield self
        finally:
            misfit.cancel()
            with suppress(asyncio.CancelledError):
                await misfit
            locust.send_signal(signal.SIGINT)
            await asyncio.to_thread(self._end, locust)
        self.result = json.loads((self._place / "load.json").read_text())

    def _start_locust(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "locust", "-f", LOCUSTFILE, "--headless", "--only-summary"]
        command += ["--host", self._instances[0], "--result", self._place / "load.json", *USERS, *HABITS, *PATIENCE]
        environ = {"PATH": os.environ["PATH"], "HOME": str(self._place)}
        with (self._place / "locust.log").open("wb") as log:
            return subprocess.Popen(
                list(map(str, command)),
                cwd=self._place,
                env=environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                preexec_fn=_heed_interrupts,  # noqa: PLW1509  one system call, no Python locks taken
            )

    def _end(self, locust: "subprocess.Popen[bytes]") -> None:
        try:
            locust.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            locust.kill()
            locust.wait()

    async def _misbehave(self) -> None:
        """A bomb, no picture, a wrong password, and addresses that nobody serves; among them one good picture."""
        for seed in range(1000, 10_000):
            for data in (picture(seed=seed), bomb(9000), b"no picture"):
                await self._ask("POST", f"{API}/images/upload", data=upload_form(data, visibility="public"))
            await self._ask("POST", f"{API}/auth/login", json={"email": "nobody@example.com", "password": PASSWORD})
            for path in (f"{API}/images/none", "/wp-login.php", f"{API}/images"):
                await self._ask("GET", path)
            await asyncio.sleep(0.5)

    async def _ask(self, method: str, path: str, **options: Any) -> None:
        url = self._random.choice(self._instances) + path
        async with self._session.request(method, url, **options) as answer:
            if answer.status >= 500:
                self.failures.append(f"{answer.status} {method} {path}")

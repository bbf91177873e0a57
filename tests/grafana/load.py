"""A short load on two instances: people who look, upload and mistype, and somebody with a bomb."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiohttp import ClientError, ClientSession

from tests.api import API, PASSWORD, upload_form
from tests.pictures import bomb, picture

PAUSE = 0.01
PEOPLE = 4


class Load:
    """Uploads some pictures, then reads them until it is ended. Failed requests are kept in *failures*."""

    def __init__(self, session: ClientSession, instances: Sequence[str], *, seed: int = 1) -> None:
        self._session = session
        self._instances = instances
        self._random = random.Random(seed)
        self.images: list[dict[str, Any]] = []
        self.failures: list[str] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Load"]:
        """In the background, for as long as the block lasts."""
        for seed in range(24):
            await self._upload(picture(seed=seed))
        tasks = [asyncio.create_task(self._look()) for _ in range(PEOPLE)]
        tasks += [asyncio.create_task(self._write()), asyncio.create_task(self._misbehave())]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    async def _look(self) -> None:
        while True:
            image = self._random.choice(self.images)
            for path in (f"{API}/images/{image['id']}", f"{API}/images", image["url"], "/"):
                await self._ask("GET", path)
            await asyncio.sleep(PAUSE)

    async def _write(self) -> None:
        for seed in range(100, 10_000):
            await self._upload(picture(seed=seed))
            await asyncio.sleep(0.5)

    async def _misbehave(self) -> None:
        """What is refused, every second: a bomb, no picture, a wrong password, addresses that nobody serves."""
        while True:
            await self._upload(bomb(9000))
            await self._upload(b"no picture")
            login = {"email": "ann@example.com", "password": PASSWORD}
            await self._ask("POST", f"{API}/auth/login", json=login)
            await self._ask("GET", f"{API}/images/none")
            await self._ask("GET", "/wp-login.php")
            await asyncio.sleep(1)

    async def _upload(self, data: bytes) -> None:
        fields = await self._ask("POST", f"{API}/images/upload", data=upload_form(data, visibility="public"))
        if fields and "id" in fields:
            self.images.append(fields)

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any] | None:
        url = self._random.choice(self._instances) + path
        try:
            async with self._session.request(method, url, **options) as answer:
                if answer.status >= 500:
                    self.failures.append(f"{answer.status} {method} {path}")
                body = await answer.read()
                return await answer.json() if body and "json" in answer.content_type else None
        except (ClientError, TimeoutError) as error:
            self.failures.append(f"{error!r} {method} {path}")
            return None

"""People and programs at work on a service behind a proxy: nothing that they do may fail."""

import asyncio
import hashlib
import random
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import ClientError, ClientSession

from tests.api import API, bearer, upload_form
from tests.pictures import picture

_BOUNDARY = "4f1c"


class Customers:
    """A load of reads, uploads, changes and deletes, and what must be true of every picture when it is over."""

    def __init__(self, session: ClientSession, url: str, token: str) -> None:
        self.failures: list[str] = []
        self.served_by: set[str] = set()
        self.done = 0
        self.titles: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        self.deleted: set[str] = set()
        self._session = session
        self._url = url
        self._headers = bearer(token)
        self._leaving = False
        self._rng = random.Random(4)
        self._seeds = iter(range(1, 10**6))
        self._tasks: list[asyncio.Task[None]] = []

    def arrive(self) -> None:
        """Begin."""
        work = [self._look, self._look, self._own_a_picture, self._own_a_picture, self._own_a_picture, self._dribble]
        self._tasks = [asyncio.create_task(self._again_and_again(each)) for each in work]

    async def leave(self) -> None:
        """Finish what is under way."""
        self._leaving = True
        await asyncio.gather(*self._tasks)

    async def _again_and_again(self, work: Any) -> None:
        while not self._leaving:
            try:
                await work()
                await asyncio.sleep(0.05)
            except (ClientError, TimeoutError) as error:
                self.failures.append(repr(error))

    async def _look(self) -> None:
        await self._ask("GET", f"{API}/images?limit=5", 200)
        if self.titles:
            image_id = self._rng.choice(list(self.titles))
            await self._ask("GET", f"{API}/images/{image_id}", 200, 404)

    async def _own_a_picture(self) -> None:
        data = picture(size=(200, 150), seed=next(self._seeds))
        image = await self._ask("POST", f"{API}/images/upload", 201, data=upload_form(data, visibility="public"))
        await self._keep(image, data)
        title = f"title {self._rng.random()}"
        await self._ask("PATCH", f"{API}/images/{image['id']}", 200, json={"title": title})
        self.titles[image["id"]] = title
        shown = await self._ask("GET", f"{API}/images/{image['id']}", 200)
        if shown and shown["title"] != title:
            self.failures.append(f"an older title after a change: {shown['title']}")
        if self._rng.random() < 0.5:
            del self.titles[image["id"]]
            await self._ask("DELETE", f"{API}/images/{image['id']}", 204)
            self.deleted.add(image["id"])
            await self._ask("GET", f"{API}/images/{image['id']}", 404)

    async def _dribble(self) -> None:
        """An upload that takes two seconds, so that each stop finds some of them half-way."""
        data = picture(size=(200, 150), seed=next(self._seeds))
        head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="slow.png"\r\n\r\n'
        body = head.encode() + data + f"\r\n--{_BOUNDARY}--\r\n".encode()

        async def slowly() -> AsyncIterator[bytes]:
            for start in range(0, len(body), len(body) // 10 + 1):
                yield body[start : start + len(body) // 10 + 1]
                await asyncio.sleep(0.2)

        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}", "Content-Length": str(len(body))}
        image = await self._ask("POST", f"{API}/images/upload", 201, data=slowly(), headers=headers)
        await self._keep(image, data)

    async def _keep(self, image: dict[str, Any], data: bytes) -> None:
        self.digests[image["id"]] = hashlib.sha256(data).hexdigest()
        self.titles[image["id"]] = image["title"]

    async def _ask(self, method: str, path: str, *expected: int, **options: Any) -> dict[str, Any]:
        headers = {**self._headers, **options.pop("headers", {})}
        async with self._session.request(method, self._url + path, headers=headers, **options) as answer:
            text = await answer.text()
            self.done += 1
            self.served_by.add(answer.headers.get("X-Request-ID", "").partition("-")[0])
            if answer.status not in expected:
                self.failures.append(f"{method} {path}: {answer.status} {text}")
                raise ClientError(f"{method} {path}: {answer.status}")
            fields: dict[str, Any] = await answer.json() if answer.content_type == "application/json" else {}
            return fields

"""Readers and writers on all processes, and the check of every single answer."""

import asyncio
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import select

from chitram.adapters.tables import images
from ring import Options
from tests.api import PASSWORD, bearer, upload_form
from tests.faults.client import Answer, Client
from tests.faults.processes import Process
from tests.faults.report import Report
from tests.faults.stage import Stage
from tests.faults.truth import GONE, History, verdict
from tests.pictures import picture

LIVE = 40
KEPT_DELETED = 40
_D_READ = Options().d_read


class Load:
    """What clients do, and what they then know. Setting `over` ends it."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.report = Report()
        self.images: dict[str, History] = {}
        self.over = False
        self._client = Client(stage.session, self.report)
        self._stage = stage
        self._rng = random.Random(seed)
        self._busy: set[str] = set()
        self._token = ""
        self._uploads = 0

    async def prepare(self) -> None:
        """An account with pictures."""
        [process, *_] = self._stage.processes
        account = {"email": "ann@example.com", "password": PASSWORD}
        registered = await self._client.ask(process, "POST", "/auth/register", json=account)
        assert registered is not None, self.report.failed
        self._token = registered.fields["access_token"]
        for _ in range(LIVE):
            await self._upload()

    async def run(self) -> None:
        """Load until it is over: two readers that stay with each process, four that choose, eight writers."""
        loyal = [process for process in self._stage.processes for _ in range(2)]
        async with asyncio.TaskGroup() as group:
            for process in loyal:
                group.create_task(self._repeat(0.03, self._read_of, process))
            for _ in range(4):
                group.create_task(self._repeat(0.03, self._read_anywhere))
            for _ in range(8):
                group.create_task(self._repeat(0.25, self._write_something))
            group.create_task(self._repeat(0.2, self._witness))
            group.create_task(self._repeat(0.3, self._read_list))

    async def read_everything(self) -> None:
        """Every image in every process, twice: the second time most are hits."""
        for process in self._stage.processes * 2:
            for image_id in list(self.images):
                await self._read(process, image_id)

    async def _repeat(self, pause: float, action: Callable[..., Any], *arguments: Any) -> None:
        while not self.over:
            await action(*arguments)
            await asyncio.sleep(self._rng.uniform(0, 2 * pause))

    def _ready(self) -> Process:
        processes = self._stage.processes
        return self._rng.choice([process for process in processes if process.alive and not process.frozen])

    async def _read_anywhere(self) -> None:
        await self._read_of(self._ready())

    async def _read_of(self, process: Process) -> None:
        """A frozen process is asked too: what it answers first, once it goes on, is the interesting part."""
        if process.alive:
            await self._read(process, self._rng.choice(list(self.images)))

    async def _read(self, process: Process, image_id: str) -> None:
        history, began = self.images[image_id], time.monotonic()
        acknowledged = history.acknowledged
        answer = await self._client.ask(process, "GET", f"/images/{image_id}", expected=(200, 404))
        if answer is None:
            return
        version = GONE if answer.status == 404 else float(answer.fields["title"])
        self.report.reads[answer.cache or "gone"] += 1
        self._check(history, version, acknowledged, began, answer)
        if not process.was_frozen_since(began):
            what = f"{answer.cache or 'gone'}, {began - process.started:.1f} s after the start of its process"
            self.report.took(time.monotonic() - began, what)
        history.see(version, time.monotonic())

    async def _read_list(self) -> None:
        """Lists read many keys at once."""
        known = {key: (history, history.acknowledged) for key, history in self.images.items()}
        began, path = time.monotonic(), f"/users/me/images?limit={LIVE}"
        answer = await self._client.ask(self._ready(), "GET", path, headers=bearer(self._token))
        for fields in answer.fields["items"] if answer else ():
            if fields["id"] in known:
                self.report.reads["in lists"] += 1
                self._check(known[fields["id"]][0], float(fields["title"]), known[fields["id"]][1], began, fields)

    def _check(self, history: History, version: float, acknowledged: float, began: float, shown: object) -> None:
        wrong = verdict(history, version, acknowledged=acknowledged, began=began, d_read=_D_READ)
        if wrong:
            self.report.stale.append(f"{wrong}: {shown}")

    async def _witness(self) -> None:
        """Look into the database itself: what is there now was committed before now."""
        known = dict(self.images)
        async with self._stage.database.read() as connection:
            rows = await connection.execute(select(images.c.id, images.c.title).where(images.c.id.in_(known)))
            titles = {row.id: float(row.title) for row in rows}
        for image_id, history in known.items():
            history.see(titles.get(image_id, GONE), time.monotonic())

    async def _write_something(self) -> None:
        idle = [key for key, history in self.images.items() if not history.gone and key not in self._busy]
        if len(idle) < LIVE - len(self._busy):
            await self._upload()
            return
        image_id = self._rng.choice(idle)
        self._busy.add(image_id)
        await (self._delete if self._rng.random() < 0.15 else self._patch)(image_id)
        await self._read(self._ready(), image_id)
        self._busy.discard(image_id)

    async def _patch(self, image_id: str) -> None:
        number = self.images[image_id].next()
        await self._write(image_id, number, "PATCH", 200, json={"title": f"{number:g}"})

    async def _delete(self, image_id: str) -> None:
        self.images[image_id].attempt(GONE)
        await self._write(image_id, GONE, "DELETE", 204)

    async def _write(self, image_id: str, version: float, method: str, done: int, **options: Any) -> None:
        history = self.images[image_id]
        # A delete whose process died may have been committed all the same.
        expected = (done, 404) if history.attempted == GONE else (done,)
        answer = await self._timed(method, f"/images/{image_id}", expected=expected, **options)
        if answer is not None and answer.status == done:
            history.acknowledge(version, time.monotonic())

    async def _upload(self) -> None:
        self._uploads += 1
        number = self._uploads
        form = upload_form(picture(size=(16 + number // 256, 16), seed=number % 256), title="0")
        answer = await self._timed("POST", "/images/upload", expected=(201,), data=form)
        if answer is not None:
            self.images[answer.fields["id"]] = History(time.monotonic())
            self._forget(key for key, history in self.images.items() if history.gone)

    def _forget(self, deleted: Iterable[str]) -> None:
        for image_id in list(deleted)[:-KEPT_DELETED]:
            if image_id not in self._busy:
                del self.images[image_id]

    async def _timed(self, method: str, path: str, **options: Any) -> Answer | None:
        began = time.monotonic()
        answer = await self._client.ask(self._ready(), method, path, headers=bearer(self._token), **options)
        if answer is not None:
            self.report.writes[method] += 1
            if not any(process.was_frozen_since(began) for process in self._stage.processes):
                self.report.longest_write = max(self.report.longest_write, time.monotonic() - began)
        return answer

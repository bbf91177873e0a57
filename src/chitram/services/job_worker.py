"""Claim jobs and do them, a few at a time: beside the requests, or in a process of its own. The same code either way.

A job is safe with whoever dies: its claim ends by itself. Doing one twice does no harm, so a claim that ended too soon,
because a process was frozen, costs work and nothing else.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, suppress
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Any, Protocol

from chitram.domain.errors import ServiceUnavailable
from chitram.domain.identifiers import ImageId
from chitram.logs import current_request, get_logger
from chitram.services.job_attempts import REST_SECONDS, Attempts
from chitram.services.job_ports import Job, JobQueue, JobResult, Workshop
from chitram.services.uninterrupted import uninterrupted

log = get_logger(__name__)

LEASE_SECONDS = 30.0
"""When the jobs of a killed process are free again; a living one renews three times as often."""
POLL_SECONDS = 1.0
ADOPT_SECONDS = 60.0
MOST_CONTEXTS = 1000

Loop = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class Finished:
    """One attempt: how it ended, the seconds that it took, and those since the job was owed."""

    kind: str
    result: JobResult
    seconds: float
    since_owed: float


class Jobs(Protocol):
    """Where jobs are done, as whoever causes one sees it."""

    loops: Sequence[Loop]
    """What has to run for that in this process."""

    def owe(self, image_id: ImageId) -> None:
        """A job was queued a moment ago, by the caller."""
        ...


class DoneElsewhere:
    """Nothing is done in this process: others look into the queue."""

    loops: Sequence[Loop] = ()

    def owe(self, image_id: ImageId) -> None:
        """The row in the database is enough."""


class JobWorker:
    """Does up to *concurrency* jobs of one kind at a time, under the name *claimed_by*, which is no other process's.

    *around* is entered for each job, in the context of whoever queued it if that was here.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        workshop: Workshop,
        claimed_by: str,
        concurrency: int,
        finished: Callable[[Finished], None],
        around: Callable[[str], AbstractContextManager[object]],
        redact: Callable[[str], str],
    ) -> None:
        self._queue = queue
        self._attempts = Attempts(queue, workshop, redact)
        self._kind = workshop.kind
        self._claimed_by = claimed_by
        self._concurrency = concurrency
        self._finished = finished
        self._around = around
        self._running: set[Job] = set()  # not of images: a claim that ended may come again while it is still at work
        self._renewing = asyncio.Lock()
        self._contexts: dict[ImageId, Context] = {}
        self._wake = asyncio.Event()
        self._rests_until = 0.0
        self.loops: Sequence[Loop] = (self.work, self.renew, self.adopt)

    def owe(self, image_id: ImageId) -> None:
        """Look into the queue now; the job's log lines will name the request that is being handled."""
        if len(self._contexts) >= MOST_CONTEXTS:
            del self._contexts[next(iter(self._contexts))]  # another process has taken it, most likely
        self._contexts[image_id] = copy_context()
        self._wake.set()

    async def work(self) -> None:
        """Do jobs until cancelled; then let others have at once what is not done."""
        try:
            async with asyncio.TaskGroup() as running:
                while True:
                    self._wake.clear()
                    for job in await self._claim():
                        self._running.add(job)
                        running.create_task(self._do(job), context=self._context_of(job))
                    await self._woken()
        finally:
            await uninterrupted(self._hand_back())

    async def renew(self) -> None:
        """Keep the claims of what is being done, until cancelled."""
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            if self._running:
                with suppress(ServiceUnavailable):  # the worst that follows is that somebody does the same
                    await uninterrupted(self._renew())

    async def adopt(self) -> None:
        """Queue what is owed without a job, now and every minute, until cancelled."""
        while True:
            with suppress(ServiceUnavailable):
                if adopted := await uninterrupted(self._queue.adopt(self._kind)):
                    log.info("queued what was owed without a job", kind=self._kind, jobs=adopted)
                    self._wake.set()
            await asyncio.sleep(ADOPT_SECONDS)

    async def _renew(self) -> None:
        mine = {job.image_id for job in self._running}
        async with self._renewing:
            await self._queue.renew(self._kind, self._claimed_by, mine, lease=LEASE_SECONDS)

    async def _claim(self) -> Sequence[Job]:
        free = self._concurrency - len(self._running)
        alone = any(job.alone for job in self._running)
        if not free or alone or time.monotonic() < self._rests_until:
            return ()
        try:
            await self._attempts.catch_up()
            busy = bool(self._running)
            claiming = self._queue.claim(self._kind, self._claimed_by, limit=free, lease=LEASE_SECONDS, busy=busy)
            return await uninterrupted(claiming)
        except ServiceUnavailable as error:
            log.warning("cannot ask the database which jobs are owed", kind=self._kind, reason=str(error))
            self._rest()
            return ()

    async def _woken(self) -> None:
        """Somebody queued a job here or one has ended; or it is time to look what others have queued."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS * random.uniform(0.75, 1.25)):  # noqa: S311  no secret
                await self._wake.wait()

    async def _do(self, job: Job) -> None:
        began = time.monotonic()
        result: JobResult = "deferred"
        try:
            with self._around(job.kind):
                result = await self._attempts.make(job)
        except ServiceUnavailable:
            self._rest()
        except Exception:
            log.exception("a job could not be settled; its claim ends by itself", kind=job.kind, image=job.image_id)
        finally:
            self._running.discard(job)
            self._wake.set()
        seconds = time.monotonic() - began
        self._finished(Finished(job.kind, result, seconds, job.age + seconds))

    def _rest(self) -> None:
        self._rests_until = time.monotonic() + REST_SECONDS

    async def _hand_back(self) -> None:
        with suppress(ServiceUnavailable):  # then their claims end by themselves
            async with self._renewing:  # rows that a renewal holds would be passed over
                handed = await self._queue.hand_back(self._kind, self._claimed_by)
            if handed:
                log.info("handed jobs back that were not done", kind=self._kind, jobs=handed)

    def _context_of(self, job: Job) -> Context:
        context = self._contexts.pop(job.image_id, None)
        if context is None:
            context = copy_context()
            context.run(current_request.set, job.request_id or "")
        return context

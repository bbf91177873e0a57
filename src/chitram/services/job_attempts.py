"""One attempt at a job, and what becomes of the job when it fails: tried again later, put off, or given up."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress

from chitram.domain.errors import ServiceUnavailable
from chitram.domain.job import ATTEMPTS, pause_after, reason_of
from chitram.logs import get_logger
from chitram.services.job_ports import Hopeless, Job, JobQueue, JobResult, Setback, Workshop
from chitram.services.uninterrupted import uninterrupted

log = get_logger(__name__)

JOB_SECONDS = 300.0
"""After which an attempt counts as failed, so that what hangs is not renewed for ever."""
CHECK_SECONDS = 5.0
"""In which a storage has to answer, else it is away."""
REST_SECONDS = 5.0
"""How long a job is put off, and nothing else taken up, when the database or the storage is away."""
_DIED = "whoever did it died or froze each time, such as of too little memory"


class Attempts:
    """Has jobs of one kind done. *redact* strikes secrets out of what will stand in the database and on terminals."""

    def __init__(self, queue: JobQueue, workshop: Workshop, redact: Callable[[str], str]) -> None:
        self._queue = queue
        self._workshop = workshop
        self._redact = redact
        self._unsaid: dict[Job, str] = {}

    async def make(self, job: Job) -> JobResult:
        """Do it, and settle how it ended. Raises ``ServiceUnavailable`` when database or storage are away: the job is
        put off, and the attempt not counted, since it was no fault of the job. The next one would fare no better.
        """
        try:
            return await self._judged(job)
        except ServiceUnavailable as error:
            log.warning("a job is put off", kind=job.kind, image=job.image_id, reason=str(error))
            self._unsaid[job] = str(error)
            with suppress(ServiceUnavailable):  # then it is said before the next claim
                await self.catch_up()
            raise

    async def catch_up(self) -> None:
        """Put off what could not be while the database was away, or it would seem to have killed whoever did it.
        Raises ``ServiceUnavailable``.
        """
        for job, reason in [*self._unsaid.items()]:
            await uninterrupted(self._queue.put_off(job, REST_SECONDS, reason, counted=False))
            self._unsaid.pop(job, None)

    async def _judged(self, job: Job) -> JobResult:
        if job.attempt > ATTEMPTS:
            return await self._give_up(job, _DIED)
        try:
            async with asyncio.timeout(JOB_SECONDS):
                await self._perform(job)
        except ServiceUnavailable:
            raise
        except Hopeless as error:
            return await self._give_up(job, str(error))
        except Setback as error:
            return await self._try_again(job, str(error))
        except TimeoutError:
            return await self._try_again(job, f"it was not done within {JOB_SECONDS:g} s")
        except Exception as error:
            log.exception("a job failed unexpectedly", kind=job.kind, image=job.image_id, attempt=job.attempt)
            return await self._try_again(job, self._redact(reason_of(error)))
        return "done"

    async def _perform(self, job: Job) -> None:
        """A file that cannot be read in a storage that answers is one job's setback, and the others need not wait. That
        the database answers shows when it is written down.
        """
        try:
            await self._workshop.perform(job)
        except ServiceUnavailable as error:
            if not await self._storage_answers():
                raise
            raise Setback(self._redact(reason_of(error.__cause__ or error))) from error

    async def _storage_answers(self) -> bool:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await self._workshop.check()
        except (ServiceUnavailable, TimeoutError):
            return False
        return True

    async def _give_up(self, job: Job, reason: str) -> JobResult:
        await self._workshop.give_up(job, reason)
        log.warning("a job is given up", kind=job.kind, image=job.image_id, reason=reason, attempts=job.attempt)
        return "failed"

    async def _try_again(self, job: Job, reason: str) -> JobResult:
        if job.attempt >= ATTEMPTS:
            return await self._give_up(job, reason)
        pause = pause_after(job.attempt, random.random())  # noqa: S311  no secret
        await uninterrupted(self._queue.put_off(job, pause, reason, counted=True))
        fields = {"kind": job.kind, "image": job.image_id, "reason": reason, "seconds": round(pause)}
        log.info("a job will be tried again", **fields)
        return "deferred"

"""One attempt at a job, and what becomes of the job when it fails: tried again later, put off, or given up."""

import asyncio
import random
from contextlib import suppress

from chitram.domain.errors import ServiceUnavailable
from chitram.domain.job import ATTEMPTS, pause_after, reason_of
from chitram.logs import get_logger
from chitram.redaction import Redaction
from chitram.services.job_ports import Hopeless, Job, JobQueue, JobResult, Setback, Workshop
from chitram.services.uninterrupted import uninterrupted

log = get_logger(__name__)

JOB_SECONDS = 300.0
"""After which an attempt counts as failed, so that what hangs is not renewed for ever."""
REST_SECONDS = 5.0
"""How long a job is put off, and nothing else taken up, when the database or the storage is away."""
_DIED = "whoever did it died or froze each time, such as of too little memory"


class Attempts:
    """Has jobs of one kind done."""

    def __init__(self, queue: JobQueue, workshop: Workshop) -> None:
        self._queue = queue
        self._workshop = workshop

    async def make(self, job: Job) -> JobResult:
        """Do it, and settle how it ended. Raises ``ServiceUnavailable`` when database or storage are away: the job is
        put off, and the attempt not counted, since it was no fault of the job. The next one would fare no better.
        """
        try:
            return await self._judged(job)
        except ServiceUnavailable as error:
            log.warning("a job is put off", kind=job.kind, image=job.image_id, reason=str(error))
            with suppress(ServiceUnavailable):  # then its claim ends by itself
                await uninterrupted(self._queue.put_off(job, REST_SECONDS, str(error), counted=False))
            raise

    async def _judged(self, job: Job) -> JobResult:
        if job.attempt > ATTEMPTS:
            return await self._give_up(job, _DIED)
        try:
            async with asyncio.timeout(JOB_SECONDS):
                await self._workshop.perform(job)
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
            # It will stand in the database and on terminals.
            return await self._try_again(job, Redaction()(reason_of(error)))
        return "done"

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

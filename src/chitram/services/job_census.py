"""How many jobs are owed, for whoever looks at this process: the same in every process, since the database says it."""

import asyncio
from contextlib import suppress

from chitram.domain.errors import ServiceUnavailable
from chitram.services.job_ports import Census, JobQueue

CENSUS_SECONDS = 10.0


class JobCensus:
    """Asks beside everything else; a scrape never waits for the database."""

    def __init__(self, queue: JobQueue, kind: str) -> None:
        self._queue = queue
        self._kind = kind
        self.last: Census | None = None
        """``None`` until the database was asked; while it cannot be, what it said last."""

    async def watch(self) -> None:
        """Ask now and every ten seconds, until cancelled."""
        while True:
            with suppress(ServiceUnavailable):
                self.last = await self._queue.census(self._kind)
            await asyncio.sleep(CENSUS_SECONDS)

"""One request to one process, and what counts as its failure."""

import time
from typing import Any, NamedTuple

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.api import API
from tests.faults.processes import Process
from tests.faults.report import Report

PATIENCE = 30.0


class Answer(NamedTuple):
    """Status, `X-Cache` and fields."""

    status: int
    cache: str
    fields: dict[str, Any]


class Client:
    """Asks processes, and reports what they fail to answer."""

    def __init__(self, session: ClientSession, report: Report) -> None:
        self._session = session
        self._report = report

    async def ask(
        self, process: Process, method: str, path: str, *, expected: tuple[int, ...] = (200, 201), **options: Any
    ) -> Answer | None:
        """Return the answer; None for none, or one that is not expected or marked stale: a failed request.

        Unless its process was killed meanwhile: that one is lost, and nobody could have answered it.
        """
        began = time.monotonic()
        try:
            answer = await self._send(method, f"{process.url}{API}{path}", **options)
        except (ClientError, OSError) as error:
            failure = repr(error)
        else:
            if answer.status in expected and answer.cache != "STALE":
                return answer
            failure = str(answer)
        if process.died_since(began):
            self._report.lost += 1
        else:
            self._report.failed.append(f"{method} {path}: {failure}")
        return None

    async def _send(self, method: str, url: str, **options: Any) -> Answer:
        async with self._session.request(method, url, timeout=ClientTimeout(PATIENCE), **options) as response:
            fields = await response.json(content_type=None) if response.status != 204 else {}
            return Answer(response.status, response.headers.get("X-Cache", ""), fields)

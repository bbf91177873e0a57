"""The run of an import: some files at once, each hashed, looked up, and uploaded where it is missing."""

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from chitram.cli.bulk.journal import Journal
from chitram.cli.bulk.outcome import Outcome, Result, unreadable
from chitram.client import ApiError, Client, Unreachable


class Known(Protocol):
    """Remembers what has been uploaded."""

    async def find(self, sha256: str) -> str | None:
        """The id of the image made from a file with this hash, if it is on the server now."""

    def remember(self, sha256: str, file: Path, image: dict[str, object]) -> None:
        """Called after each upload, before the next one."""


class KnownToServer:
    """The pictures of an account: the server itself knows them."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def find(self, sha256: str) -> str | None:
        """Ask for the account's picture with this hash."""
        return await self._client.find(sha256)

    def remember(self, sha256: str, file: Path, image: dict[str, object]) -> None:
        """Nothing to do."""


class KnownToJournal:
    """Anonymous uploads: only the journal knows them, and only the server whether they are still there."""

    def __init__(self, client: Client, journal: Journal) -> None:
        self._client = client
        self._journal = journal

    async def find(self, sha256: str) -> str | None:
        """The latest upload of this hash that still exists."""
        for image_id in self._journal.ids(sha256):
            if await self._client.exists(image_id):
                return image_id
        return None

    def remember(self, sha256: str, file: Path, image: dict[str, object]) -> None:
        """Write it down, delete token and all."""
        self._journal.add(sha256, file, image)


class ServerGone(Exception):
    """The server stopped answering; what is left can be done by the same command later."""


class Import:
    """Brings files to a server, `jobs` at a time, and tells `report` what became of each.

    `stop()` lets the files under way finish and takes no more.
    """

    def __init__(
        self, client: Client, known: Known, *, visibility: str, jobs: int, report: Callable[[Outcome], None]
    ) -> None:
        self._client = client
        self._known = known
        self._visibility = visibility
        self._jobs = jobs
        self._report = report
        self._stopping = False
        self._first: dict[str, asyncio.Future[Outcome]] = {}

    async def run(self, files: list[Path]) -> bool:
        """Whether every file was taken. Raises ServerGone."""
        waiting = iter(files)
        gone: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._jobs):
                    group.create_task(self._work(waiting))
        except* ServerGone as several:
            gone = several.exceptions[0]
        if gone:
            raise gone
        return next(waiting, None) is None

    def stop(self) -> None:
        """Take no more files."""
        self._stopping = True

    async def _work(self, waiting: Iterator[Path]) -> None:
        while not self._stopping and (path := next(waiting, None)) is not None:
            self._report(await self._bring(path))

    async def _bring(self, path: Path) -> Outcome:
        try:
            sha256 = await asyncio.to_thread(_hash, path)
        except OSError as error:
            return unreadable(path, error.strerror or str(error))
        if sha256 in self._first:
            return _same_as(await asyncio.shield(self._first[sha256]), path)
        first = self._first[sha256] = asyncio.get_running_loop().create_future()
        try:
            outcome = await self._bring_first(path, sha256)
        except BaseException:
            first.cancel()
            raise
        first.set_result(outcome)
        return outcome

    async def _bring_first(self, path: Path, sha256: str) -> Outcome:
        try:
            there = await self._known.find(sha256)
            if there is not None:
                return Outcome(path, Result.THERE, there)
            image = await self._client.upload(path, visibility=self._visibility)
        except ApiError as error:
            return Outcome(path, Result.REFUSED, code=error.code, detail=str(error))
        except Unreachable as error:
            if not await self._client.alive():
                raise ServerGone(str(error)) from error
            return Outcome(path, Result.REFUSED, code="CONNECTION_LOST", detail=str(error))
        except OSError as error:
            return unreadable(path, error.strerror or str(error))
        self._known.remember(sha256, path, image)
        return Outcome(path, Result.THERE if image.get("duplicate") else Result.UPLOADED, image["id"])


def _same_as(first: Outcome, path: Path) -> Outcome:
    result = Result.REFUSED if first.result is Result.REFUSED else Result.THERE
    return Outcome(path, result, first.image_id, first.code, first.detail)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

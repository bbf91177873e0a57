"""What the queue of jobs needs from the outside, and what a kind of job has to be able to do."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from chitram.domain.identifiers import ImageId

JobResult = Literal["done", "failed", "deferred"]


class Hopeless(Exception):
    """No further attempt can help; the text is the reason."""


class Setback(Exception):
    """This attempt failed for a reason that is known and may pass; the text is the reason."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job that *claimed_by* has for its *attempt*; both together prove that it is theirs still. *age* is in seconds
    since it is owed. One that is to be done *alone* may have been the end of whoever had it last.
    """

    kind: str
    image_id: ImageId
    blob_key: str
    claimed_by: str
    attempt: int
    age: float
    request_id: str | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Census:
    """How the jobs of a kind stand. *overdue* says for how many seconds one has been waiting that anybody may take."""

    owed: int = 0
    claimed: int = 0
    dead: int = 0
    overdue: float = 0.0


class JobQueue(Protocol):
    """Who does what, when. The database is the queue: what it holds, no killed process can lose.

    A claim is a lease: it lasts for some seconds and can be renewed; when it ends anybody may take the job. Every
    method raises ``ServiceUnavailable`` when the database cannot be reached.
    """

    async def claim(self, kind: str, claimed_by: str, *, limit: int, lease: float, busy: bool) -> Sequence[Job]:
        """Take up to *limit* jobs that are due, the longest due first; no two callers get the same one.

        One whose last claim ended by itself is given *alone*, and when its turn has come a *busy* caller, who has jobs
        under way, gets none until those are done: if it kills its process, it takes nobody else's attempts along.
        """
        ...

    async def renew(self, kind: str, claimed_by: str, image_ids: Collection[ImageId], *, lease: float) -> None:
        """Keep those of these jobs that are still theirs for *lease* more seconds."""
        ...

    async def put_off(self, job: Job, pause: float, reason: str, *, counted: bool) -> None:
        """Let anybody try again after *pause* seconds; an attempt that is not *counted* was nobody's fault."""
        ...

    async def hand_back(self, kind: str, claimed_by: str) -> int:
        """Let others have at once what is not done, as if it had not been taken; how many jobs."""
        ...

    async def adopt(self, kind: str) -> int:
        """Queue what images owe without a job: written by an older version, or by hand; how many."""
        ...

    async def census(self, kind: str) -> Census:
        """Count."""
        ...


class Workshop(Protocol):
    """Does one kind of jobs."""

    kind: str

    async def perform(self, job: Job) -> None:
        """Do it and settle it. Raises :class:`Hopeless`, :class:`Setback`, and ``ServiceUnavailable``."""
        ...

    async def check(self) -> None:
        """Whether what every job needs is there. Raises ``ServiceUnavailable``."""
        ...

    async def give_up(self, job: Job, reason: str) -> None:
        """Settle it as one that nobody will try again by himself. Raises ``ServiceUnavailable``."""
        ...

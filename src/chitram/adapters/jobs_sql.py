"""The queue of jobs in SQL. :func:`owe`, :func:`close`, :func:`bury` belong to the transaction that changes an image.

Whoever locks rows of both tables locks those of images first; whoever claims locks jobs alone, and waits for nobody.
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, insert, literal, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from chitram.adapters.database import Database
from chitram.adapters.database_clock import database_now, within_statement
from chitram.adapters.tables import images, jobs
from chitram.domain.identifiers import ImageId
from chitram.domain.image import Thumbnails
from chitram.domain.job import LONGEST_PAUSE, one_line
from chitram.logs import current_request
from chitram.services.job_ports import Census, Job
from chitram.services.thumbnails import THUMBNAILS

_ENDED = jobs.c.claimed_by.is_not(None)
"""Of a job that is due: its claim ended by itself, since whoever has a job to do, hand back or put off, says so."""
_CLAIMED = (jobs.c.image_id, jobs.c.attempts, jobs.c.owed_at, jobs.c.request_id)
_BLOB_KEY = select(images.c.blob_key).where(images.c.id == jobs.c.image_id).scalar_subquery().label("blob_key")


async def owe(connection: AsyncConnection, *image_ids: str, kind: str = THUMBNAILS) -> None:
    """Queue a job for each of these images, which have none."""
    now = within_statement(connection)
    request = current_request.get("") or None
    shared = {"kind": kind, "owed_at": now, "due_at": now, "attempts": 0, "request_id": request}
    await connection.execute(insert(jobs).values([{"image_id": image_id, **shared} for image_id in image_ids]))


async def forget(connection: AsyncConnection, *image_ids: str, kind: str = THUMBNAILS) -> None:
    """Take their jobs out of the queue, whoever is at them."""
    await connection.execute(delete(jobs).where(jobs.c.kind == kind, jobs.c.image_id.in_(image_ids)))


async def close(connection: AsyncConnection, image_id: str, job: Job | None, *, kind: str = THUMBNAILS) -> bool:
    """It is done; ``False``, and nothing happens, when *job* is somebody else's by now. Without one it is nobody's."""
    return bool((await connection.execute(delete(jobs).where(_theirs(image_id, job, kind)))).rowcount) or job is None


async def bury(
    connection: AsyncConnection, image_id: str, job: Job | None, reason: str, *, kind: str = THUMBNAILS
) -> bool:
    """It is given up; ``False``, and nothing happens, when *job* is somebody else's by now."""
    if job is None:
        await forget(connection, image_id, kind=kind)
        await owe(connection, image_id, kind=kind)
    dead = {"due_at": None, "claimed_by": None, "reason": one_line(reason)}
    change = update(jobs).where(_theirs(image_id, job, kind)).values(dead)
    return bool((await connection.execute(change)).rowcount)


class SqlJobs:
    """The queue's port."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim(self, kind: str, claimed_by: str, *, limit: int, lease: float, busy: bool) -> Sequence[Job]:
        """Looks first: a queue without anything due costs a read of its index, and holds up no writer."""
        first = await self._first_due(kind)
        if first is None or (first.ended and busy):
            return []
        limit = 1 if first.ended else limit
        of_its_kind = _ENDED if first.ended else not_(_ENDED)
        async with self._database.write() as connection:
            now, until = within_statement(connection), within_statement(connection, timedelta(seconds=lease))
            due = _unlocked(kind, and_(_due(connection, stranded=first.stranded), of_its_kind), limit=limit)
            taken = {"claimed_by": claimed_by, "due_at": until, "attempts": jobs.c.attempts + 1}
            change = update(jobs).where(due).values(taken).returning(*_CLAIMED, _BLOB_KEY, now.label("now"))
            rows = (await connection.execute(change)).all()
        return [_job(kind, claimed_by, row, alone=first.ended) for row in sorted(rows, key=lambda row: row.owed_at)]

    async def renew(self, kind: str, claimed_by: str, image_ids: Collection[ImageId], *, lease: float) -> None:
        """In one statement. What somebody settles or deletes at this moment need not be renewed."""
        mine = _unlocked(kind, and_(jobs.c.claimed_by == claimed_by, jobs.c.image_id.in_(image_ids)))
        async with self._database.write() as connection:
            until = within_statement(connection, timedelta(seconds=lease))
            await connection.execute(update(jobs).where(mine).values(due_at=until))

    async def put_off(self, job: Job, pause: float, reason: str, *, counted: bool) -> None:
        """Unless it is somebody else's by now."""
        mine = _theirs(job.image_id, job, job.kind)
        values = {
            "claimed_by": None,
            "reason": one_line(reason),
            "attempts": job.attempt if counted else job.attempt - 1,
        }
        async with self._database.write() as connection:
            due = within_statement(connection, timedelta(seconds=pause))
            await connection.execute(update(jobs).where(mine).values(due_at=due, **values))

    async def hand_back(self, kind: str, claimed_by: str) -> int:
        """In one statement, so that a claim whose answer was never read is handed back too."""
        mine = _unlocked(kind, jobs.c.claimed_by == claimed_by)
        async with self._database.write() as connection:
            now = within_statement(connection)
            free = {"claimed_by": None, "due_at": now, "attempts": jobs.c.attempts - 1}
            handed = await connection.execute(update(jobs).where(mine).values(free).returning(jobs.c.image_id))
            return len(handed.all())

    async def adopt(self, kind: str) -> int:
        """Of thumbnails; looks first."""
        owing = images.c.thumbnails.in_((Thumbnails.PENDING, Thumbnails.FAILED))
        lacking = owing & ~exists().where(jobs.c.image_id == images.c.id, jobs.c.kind == kind)
        async with self._database.read() as connection:
            if (await connection.execute(select(images.c.id).where(lacking).limit(1))).first() is None:
                return 0
        async with self._database.write() as connection:
            now = within_statement(connection)
            due = case((images.c.thumbnails == Thumbnails.PENDING, now), else_=None)
            found = select(images.c.id, literal(kind), now, due, literal(0)).where(lacking)
            # Nobody may delete the image meanwhile, and who is about to needs no job for it; nor may two adopt at once.
            found = found.with_for_update(skip_locked=True)
            dialect: Any = sqlite if self._database.is_sqlite else postgresql
            adding = dialect.insert(jobs).from_select(["image_id", "kind", "owed_at", "due_at", "attempts"], found)
            return int((await connection.execute(adding.on_conflict_do_nothing())).rowcount)

    async def census(self, kind: str) -> Census:
        """In one statement, hence of one moment."""
        query = select(
            func.count(jobs.c.due_at).label("owed"),
            func.count(jobs.c.claimed_by).label("claimed"),
            func.count().label("every"),
            func.min(jobs.c.due_at).label("first"),
        ).where(jobs.c.kind == kind)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one()
            waited = (await database_now(connection) - row.first).total_seconds() if row.first else 0.0
        return Census(row.owed, row.claimed, row.every - row.owed, max(waited, 0.0))

    async def _first_due(self, kind: str) -> "_First | None":
        """Asks twice rather than for either: in one question with an order SQLite would read the index to its end."""
        async with self._database.read() as connection:
            for stranded in (False, True):
                due = and_(jobs.c.kind == kind, _due(connection, stranded=stranded))
                query = select(_ENDED.label("ended")).where(due).order_by(jobs.c.due_at).limit(1)
                if (row := (await connection.execute(query)).first()) is not None:
                    return _First(ended=row.ended, stranded=stranded)
        return None


class _First(NamedTuple):
    """The job whose turn it is: whether its claim ended by itself, and whether it is due because its time is absurd."""

    ended: bool
    stranded: bool


def _due(connection: AsyncConnection, *, stranded: bool) -> ColumnElement[bool]:
    """Its time has come; or it is so far away that nobody can have meant it, and the clock was set back."""
    if stranded:
        return jobs.c.due_at > within_statement(connection, timedelta(seconds=LONGEST_PAUSE))
    return jobs.c.due_at <= within_statement(connection)


def _job(kind: str, claimed_by: str, row: Any, *, alone: bool) -> Job:
    age = max((row.now - row.owed_at).total_seconds(), 0.0)
    return Job(kind, ImageId(row.image_id), row.blob_key, claimed_by, row.attempts, age, row.request_id, alone)


def _unlocked(kind: str, condition: ColumnElement[bool], *, limit: int | None = None) -> ColumnElement[bool]:
    """Jobs of which nobody else is changing the row, the longest due first: who asks like this waits for nobody.

    SQLite has no such lock and needs none: a writing transaction there begins with BEGIN IMMEDIATE. PostgreSQL may run
    a subquery more than once, and lock more than it was asked for, unless it is materialized.
    """
    query = select(jobs.c.image_id).where(jobs.c.kind == kind, condition).order_by(jobs.c.due_at).limit(limit)
    rows = query.with_for_update(skip_locked=True).cte("unlocked").prefix_with("MATERIALIZED", dialect="postgresql")
    return and_(jobs.c.kind == kind, jobs.c.image_id.in_(select(rows.c.image_id)))


def _theirs(image_id: str, job: Job | None, kind: str) -> ColumnElement[bool]:
    named = and_(jobs.c.image_id == image_id, jobs.c.kind == kind)
    if job is None:
        return named
    return and_(named, jobs.c.claimed_by == job.claimed_by, jobs.c.attempts == job.attempt)

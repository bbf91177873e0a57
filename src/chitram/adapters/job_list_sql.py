"""The jobs as an operator sees them: what images owe, beside who is at it, how often it was tried, why it failed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, select

from chitram.adapters.database import Database
from chitram.adapters.database_clock import database_now
from chitram.adapters.tables import images, jobs
from chitram.domain.identifiers import ImageId
from chitram.domain.image import Thumbnails
from chitram.services.thumbnails import THUMBNAILS

_OF_THUMBNAILS = images.outerjoin(jobs, and_(jobs.c.image_id == images.c.id, jobs.c.kind == THUMBNAILS))
_COLUMNS = (images.c.id, images.c.blob_key, images.c.created_at, jobs.c.attempts, jobs.c.claimed_by, jobs.c.due_at)


@dataclass(frozen=True, slots=True)
class ListedJob:
    """One. *due* is in seconds from now: when it is tried next, or when its claim ends; ``None``: not by itself."""

    image_id: ImageId
    blob_key: str
    created_at: datetime
    attempts: int
    claimed_by: str | None
    reason: str | None
    due: float | None


async def list_jobs(database: Database, state: Thumbnails, limit: int) -> Sequence[ListedJob]:
    """The oldest images whose thumbnails stand like this."""
    query = select(*_COLUMNS, jobs.c.reason).select_from(_OF_THUMBNAILS).where(images.c.thumbnails == state)
    async with database.read() as connection:
        rows = (await connection.execute(query.order_by(images.c.created_at).limit(limit))).all()
        now = await database_now(connection)
    return [_listed(row, now) for row in rows]


async def count_workers(database: Database) -> int:
    """How many processes have a job now."""
    living = and_(jobs.c.claimed_by.is_not(None), jobs.c.due_at.is_not(None))
    async with database.read() as connection:
        now = await database_now(connection)
        query = select(func.count(jobs.c.claimed_by.distinct())).where(living, jobs.c.due_at > now)
        return int((await connection.execute(query)).scalar_one())


def _listed(row: Any, now: datetime) -> ListedJob:
    due = max((row.due_at - now).total_seconds(), 0.0) if row.due_at else None
    return ListedJob(ImageId(row.id), row.blob_key, row.created_at, row.attempts or 0, row.claimed_by, row.reason, due)

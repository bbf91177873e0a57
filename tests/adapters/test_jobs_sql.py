"""The queue of jobs, on SQLite and on PostgreSQL: who gets what, and who gets it next."""

import asyncio
import shutil
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import event, select, update

from chitram.adapters.database import Database
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.job_list_sql import list_jobs
from chitram.adapters.jobs_sql import SqlJobs
from chitram.adapters.schema import MIGRATIONS
from chitram.adapters.tables import images as images_table
from chitram.adapters.tables import jobs as jobs_table
from chitram.domain.identifiers import ImageId
from chitram.domain.image import Thumbnails
from chitram.handlers.present import image_body
from chitram.services.job_ports import Job
from tests.adapters.test_sql import image

LONG = 900.0
KIND = "thumbnails"


@pytest.fixture
def images(database: Database) -> SqlImages:
    """What owes."""
    return SqlImages(database, image_body)


@pytest.fixture
def queue(database: Database) -> SqlJobs:
    """What is owed."""
    return SqlJobs(database)


async def filled(images: SqlImages, count: int) -> list[ImageId]:
    """So many images, each with its job."""
    ids = []
    for _ in range(count):
        one = image()
        await images.add(one, delete_token_sha256=None)
        ids.append(one.id)
    return ids


async def claim_one(queue: SqlJobs, name: str = "ann", lease: float = LONG) -> Job:
    """The one that is due."""
    (job,) = await queue.claim(KIND, name, limit=1, lease=lease, busy=False)
    return job


async def states(database: Database) -> dict[str, str]:
    """Of each image's thumbnails."""
    async with database.read() as connection:
        rows = await connection.execute(select(images_table.c.id, images_table.c.thumbnails))
        return {row.id: row.thumbnails for row in rows}


async def test_many_claim_at_once_and_no_two_get_the_same(images, queue):
    """Each job once, and together all of them."""
    ids = await filled(images, 40)

    async def take(name: str) -> list[Job]:
        taken: list[Job] = []
        while found := await queue.claim(KIND, name, limit=3, lease=LONG, busy=False):
            assert len(found) <= 3
            taken += found
        return taken

    # Whoever finds the rest locked by others comes back with nothing; then a last one asks again.
    shares = [*await asyncio.gather(*(take(f"worker-{number}") for number in range(6))), await take("last")]
    jobs = [job for share in shares for job in share]
    assert sorted(job.image_id for job in jobs) == sorted(ids)
    assert {job.attempt for job in jobs} == {1}
    assert (await queue.census(KIND)).claimed == 40


async def test_the_oldest_come_first_with_all_that_their_doer_needs(images, queue):
    """Where the original lies, and since when it is owed."""
    first, second = await filled(images, 2)
    job = await claim_one(queue)
    assert (job.image_id, job.kind, job.claimed_by, job.attempt) == (first, KIND, "ann", 1)
    assert job.blob_key.endswith(first)
    assert 0 <= job.age < 60
    assert (await claim_one(queue)).image_id == second
    assert not await queue.claim(KIND, "ann", limit=1, lease=LONG, busy=False)


async def test_a_claim_that_ended_is_anybody_s_and_no_longer_its_holder_s(database, images, queue):
    """Who was frozen meanwhile neither settles the job nor buries it."""
    (image_id,) = await filled(images, 1)
    lost = await claim_one(queue, "frozen", lease=0.0)
    job = await claim_one(queue, "ann")
    assert job.attempt == 2
    assert await images.settle_thumbnails(image_id, job=lost) is None
    assert await images.settle_thumbnails(image_id, reason="no picture", job=lost) is None
    await queue.put_off(lost, 0.0, "late", counted=True)
    assert await queue.hand_back(KIND, "frozen") == 0
    assert not await queue.claim(KIND, "bob", limit=1, lease=LONG, busy=False)
    assert await states(database) == {image_id: "pending"}
    assert await images.settle_thumbnails(image_id, job=job) is not None
    assert await states(database) == {image_id: "ready"}
    assert (await queue.census(KIND)).owed == 0


async def test_what_may_have_killed_whoever_had_it_is_given_alone(images, queue):
    """Neither beside others in one claim nor to who has jobs under way: it would take them along; others wait."""
    ids = await filled(images, 2)
    await queue.claim(KIND, "killed", limit=2, lease=0.0, busy=False)
    (untouched,) = await filled(images, 1)
    for image_id in ids:
        assert not await queue.claim(KIND, "ann", limit=3, lease=LONG, busy=True)
        (job,) = await queue.claim(KIND, "bob", limit=3, lease=LONG, busy=False)
        assert (job.image_id, job.alone) == (image_id, True)
    (job,) = await queue.claim(KIND, "ann", limit=3, lease=LONG, busy=True)
    assert (job.image_id, job.alone) == (untouched, False)


async def test_what_may_have_killed_whoever_had_it_goes_out_beside_nothing_that_is_older(images, queue):
    """It waits for its turn, and then for somebody who is idle."""
    suspect, fresh = await filled(images, 2)
    await queue.claim(KIND, "killed", limit=1, lease=0.0, busy=False)
    (job,) = await queue.claim(KIND, "ann", limit=3, lease=LONG, busy=True)
    assert (job.image_id, job.alone) == (fresh, False)
    (job,) = await queue.claim(KIND, "bob", limit=3, lease=LONG, busy=False)
    assert (job.image_id, job.alone) == (suspect, True)


async def test_a_look_for_what_is_due_reads_no_further_than_to_the_first(tmp_path: Path, migrated_sqlite: Path):
    """However many have been put off or given up: every process looks once a second, and SQLite has no clever plan."""
    database = Database(f"sqlite+aiosqlite:///{shutil.copy(migrated_sqlite, tmp_path / 'chitram.db')}")
    looks: list[tuple[str, Any]] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *about: looks.append(about[2:4]))
    assert await SqlJobs(database).claim(KIND, "ann", limit=3, lease=LONG, busy=False) == []
    async with database.read() as connection:
        plans = [
            (await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)).all()[0].detail
            for text, values in looks.copy()
            if "FROM jobs" in text
        ]
    await database.close()
    assert [plan.partition("(kind=? AND ")[2] for plan in plans] == ["due_at<?)", "due_at>?)"]


async def test_whoever_says_that_a_job_is_not_done_did_not_die_of_it(images, queue):
    """Put off and handed back, they are claimed together like new ones."""
    ids = await filled(images, 2)
    put_off, _ = await queue.claim(KIND, "ann", limit=2, lease=LONG, busy=False)
    await queue.put_off(put_off, 0.0, "not yet", counted=True)
    await queue.hand_back(KIND, "ann")
    jobs = await queue.claim(KIND, "bob", limit=2, lease=LONG, busy=True)
    assert [(job.image_id, job.alone) for job in jobs] == [(image_id, False) for image_id in ids]


async def test_the_same_name_has_two_claims_of_one_job_one_after_the_other(images, queue):
    """The number of the attempt tells them apart."""
    (image_id,) = await filled(images, 1)
    before = await claim_one(queue, lease=0.0)
    await claim_one(queue)
    assert await images.settle_thumbnails(image_id, job=before) is None


async def test_a_renewed_claim_goes_on(images, queue):
    """That of the named jobs; the others end."""
    kept, left = await filled(images, 2)
    await queue.claim(KIND, "ann", limit=2, lease=0.0, busy=False)
    await queue.renew(KIND, "ann", {kept}, lease=LONG)
    assert (await claim_one(queue, "bob")).image_id == left


async def test_what_is_put_off_waits_and_counts_its_attempts(database, images, queue):
    """Unless it was nobody's fault."""
    (image_id,) = await filled(images, 1)
    await queue.put_off(await claim_one(queue), LONG, "the disk\n is full\0", counted=True)
    assert not await queue.claim(KIND, "ann", limit=1, lease=LONG, busy=False)
    (listed,) = await list_jobs(database, Thumbnails.PENDING, 9)
    assert (listed.image_id, listed.attempts, listed.reason) == (image_id, 1, "the disk is full")
    assert LONG - 100 < (listed.due or 0) <= LONG
    async with database.write() as connection:
        await connection.execute(update(jobs_table).values(due_at=datetime.now(UTC) - timedelta(seconds=1)))
    await queue.put_off(await claim_one(queue), 0.0, "the storage is away", counted=False)
    assert (await claim_one(queue)).attempt == 2


async def test_what_is_handed_back_was_never_taken(images, queue):
    """By that name; others keep theirs."""
    await filled(images, 3)
    await queue.claim(KIND, "ann", limit=2, lease=LONG, busy=False)
    await claim_one(queue, "bob")
    assert await queue.hand_back(KIND, "ann") == 2
    assert [job.attempt for job in await queue.claim(KIND, "eve", limit=9, lease=LONG, busy=False)] == [1, 1]


async def test_what_was_given_up_waits_for_a_person(database, images, queue):
    """With its reason and its attempts; retried, it begins anew."""
    (image_id,) = await filled(images, 1)
    await images.settle_thumbnails(image_id, reason="no picture", job=await claim_one(queue))
    assert not await queue.claim(KIND, "ann", limit=1, lease=LONG, busy=False)
    census = await queue.census(KIND)
    assert (census.owed, census.dead, census.overdue) == (0, 1, 0.0)
    (listed,) = await list_jobs(database, Thumbnails.FAILED, 9)
    assert (listed.attempts, listed.reason, listed.due) == (1, "no picture", None)
    await images.owe_again([image_id])
    assert (await claim_one(queue)).attempt == 1


async def test_a_deleted_image_owes_nothing(images, queue):
    """Also while somebody is at it."""
    gone, kept = await filled(images, 2)
    job = await claim_one(queue)
    assert job.image_id == gone
    await images.remove(gone)
    assert await images.settle_thumbnails(gone, job=job) is None
    assert (await claim_one(queue)).image_id == kept
    assert (await queue.census(KIND)).owed == 1


async def test_deleting_and_settling_at_once_wait_for_each_other_without_end_for_neither(images, queue):
    """No deadlock, whichever comes first: both lock the image before its job."""
    for _ in range(10):
        (image_id,) = await filled(images, 1)
        job = await claim_one(queue)
        _, removed = await asyncio.gather(images.settle_thumbnails(image_id, job=job), images.remove(image_id))
        assert removed is not None
    assert (await queue.census(KIND)).owed == 0


async def test_what_an_older_version_or_a_hand_left_owing_is_queued(database, images, queue):
    """Once; and what it gave up is known as that."""
    pending, failed, ready = await filled(images, 3)
    async with database.write() as connection:
        await connection.execute(jobs_table.delete())
        for image_id, state in ((failed, "failed"), (ready, "ready")):
            row = images_table.c.id == image_id
            await connection.execute(update(images_table).where(row).values(thumbnails=state))
    assert await queue.adopt(KIND) == 2
    assert await queue.adopt(KIND) == 0
    assert (await queue.census(KIND)).dead == 1
    assert (await claim_one(queue)).image_id == pending


async def test_a_clock_that_is_set_back_strands_nothing(database, images, queue):
    """What is due later than anybody puts off is due now."""
    await filled(images, 1)
    async with database.write() as connection:
        await connection.execute(update(jobs_table).values(due_at=datetime.now(UTC) + timedelta(days=3)))
    assert (await claim_one(queue)).attempt == 1
    assert not await queue.claim(KIND, "ann", limit=1, lease=LONG, busy=False)


async def test_the_census_knows_how_long_nobody_has_come(database, images, queue):
    """Since the moment from which on anybody could have."""
    await filled(images, 2)
    async with database.write() as connection:
        await connection.execute(update(jobs_table).values(due_at=datetime.now(UTC) - timedelta(minutes=7)))
    assert 419 < (await queue.census(KIND)).overdue < 480
    await queue.claim(KIND, "ann", limit=2, lease=LONG, busy=False)
    assert (await queue.census(KIND)).overdue == 0.0


async def test_the_migration_queues_what_was_owed_before(tmp_path: Path, migrated_sqlite: Path):
    """A database of the version before, with one picture that waits and one that was given up."""
    file = tmp_path / "before.db"
    shutil.copy(migrated_sqlite, file)
    url = f"sqlite+aiosqlite:///{file}"
    database = Database(url)
    ids = await filled(SqlImages(database, image_body), 2)
    await SqlImages(database, image_body).settle_thumbnails(ids[1], reason="no picture")
    await database.close()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    await asyncio.to_thread(command.downgrade, config, "0004-1")
    await asyncio.to_thread(command.upgrade, config, "head")
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT image_id, due_at IS NULL, attempts FROM jobs").fetchall()
    connection.close()
    assert sorted(rows) == sorted([(ids[0], 0, 0), (ids[1], 1, 0)])

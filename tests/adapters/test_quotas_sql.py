"""What accounts use and may, and that uploads at the same time never get past it, on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from secrets import token_hex

import pytest
from sqlalchemy import select, text

from chitram.adapters.database import Database
from chitram.adapters.export_turns_sql import SqlExportTurns
from chitram.adapters.images_sql import SqlImages
from chitram.adapters.quotas_sql import SqlQuotas
from chitram.adapters.tables import user_exports
from chitram.adapters.users_sql import SqlUsers
from chitram.domain.account import User
from chitram.domain.errors import ExportRunning, QuotaExceeded
from chitram.domain.quota import Usage
from chitram.handlers.present import image_body
from tests.adapters.test_sql import image, user
from tests.waiting import until


@pytest.fixture
async def ann(database: Database) -> User:
    """An account."""
    account = user()
    await SqlUsers(database).add(account, "hash")
    return account


@pytest.fixture
async def another(database_url: str) -> AsyncIterator[Database]:
    """The same database as another process has it: nothing is shared but the database itself."""
    opened = Database(database_url)
    yield opened
    await opened.close()


def rows(database: Database, default: int | None) -> SqlImages:
    """Images as a service stores them whose default quota is this."""
    return SqlImages(database, image_body, SqlQuotas(database, default).require_room)


async def add(images: SqlImages, owner: User | None, size: int) -> bool:
    """Store one that is like no other; whether there was room for it."""
    one = image(owner_id=owner and owner.id, file_size=size, sha256=token_hex(32))
    try:
        await images.add(one, delete_token_sha256=None)
    except QuotaExceeded:
        return False
    return True


async def test_use_is_the_sum_of_the_originals_and_follows_every_change(database, ann):
    """Added, refused, deleted; others' and nobody's do not count; beyond 32 bits."""
    images, quotas = rows(database, 2**41), SqlQuotas(database, 2**41)
    assert await quotas.usage(ann.id) == Usage(0, 2**41)
    kept = image(owner_id=ann.id, file_size=2**40)
    await images.add(kept, delete_token_sha256=None)
    assert await add(images, None, 2**40)
    assert await add(images, ann, 2**40)
    assert not await add(images, ann, 1)
    assert await quotas.usage(ann.id) == Usage(2**41, 2**41, pictures=2)
    await images.remove(kept.id)
    assert await quotas.usage(ann.id) == Usage(2**40, 2**41, pictures=1)
    assert await quotas.everybody() == {ann.id: Usage(2**40, 2**41, pictures=1)}
    assert await add(images, ann, 2**40)


async def test_an_account_s_own_quota_holds_before_the_default(database, ann):
    """Larger, smaller, none, and the default again."""
    images, quotas = rows(database, 10), SqlQuotas(database, 10)
    assert await add(images, ann, 10)
    assert not await add(images, ann, 1)
    await quotas.allow(ann.id, 12)
    assert (await add(images, ann, 2), await add(images, ann, 1)) == (True, False)
    await quotas.allow(ann.id, None)
    assert await quotas.usage(ann.id) == Usage(12, None, pictures=2, own=True)
    assert await add(images, ann, 1000)
    await quotas.allow_default(ann.id)
    assert await quotas.usage(ann.id) == Usage(1012, 10, pictures=3)
    assert not await add(images, ann, 1)


async def test_without_a_quota_nothing_is_refused_nor_summed_up(database, ann):
    """Whoever only asks what fits need not wait for a sum."""
    assert await add(rows(database, None), ann, 2**50)
    assert await SqlQuotas(database, None).room(ann.id) == Usage(0, None)
    assert await SqlQuotas(database, 7).room(ann.id) == Usage(2**50, 7, pictures=1)


async def test_processes_at_once_never_pass_the_quota(database, another, ann):
    """Forty uploads of one account through two processes, room for ten; another account is not held up by it."""
    bob = user("bob@example.com")
    await SqlUsers(database).add(bob, "hash")
    one, two = rows(database, 1000), rows(another, 1000)
    taken = await asyncio.gather(
        *(add(way, owner, 100) for _ in range(20) for way in (one, two) for owner in (ann, bob))
    )
    assert sum(taken) == 20
    usages = await SqlQuotas(database, 1000).everybody()
    assert {usage.used for usage in usages.values()} == {1000}


async def test_the_same_bytes_at_once_become_one_image(database, another, ann):
    """Of each account that sends them, in whatever process, with or without a quota; nobody's are not compared."""
    bob = user("bob@example.com")
    await SqlUsers(database).add(bob, "hash")
    one, two = rows(database, None), rows(another, 2**40)
    added = await asyncio.gather(
        *(
            way.add(image(owner_id=owner), delete_token_sha256=None)
            for _ in range(10)
            for way in (one, two)
            for owner in (ann.id, bob.id, None)
        )
    )
    assert sum(commit is not None for _, commit in added) == 1 + 1 + 20
    for owner in (ann, bob):
        [kept] = await one.owned(owner.id, None, 100)
        given = {document.blob_key for document, _ in added if document.owner_id == owner.id}
        assert given == {kept.blob_key}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_sum_is_read_from_an_index_alone(database, ann):
    """It is asked for at every upload, and a picture's row is not small. (PostgreSQL chooses by a table's size.)"""
    query = f"EXPLAIN QUERY PLAN SELECT count(*), sum(file_size) FROM images WHERE owner_id = '{ann.id}'"
    async with database.read() as connection:
        plan = str((await connection.execute(text(query))).all())
    assert "COVERING INDEX ix_images_owner_id_file_size" in plan


async def test_an_account_is_exported_once_at_a_time_among_all_processes(database, another, ann):
    """Its turn is given back, or lapses when the process died that had it; another account has its own."""
    bob = user("bob@example.com")
    await SqlUsers(database).add(bob, "hash")
    one, two = SqlExportTurns(database), SqlExportTurns(another)
    async with one.turn(ann.id), two.turn(bob.id):
        with pytest.raises(ExportRunning):
            async with two.turn(ann.id):
                pass
    async with two.turn(ann.id):
        pass


async def test_the_turn_of_a_dead_process_lapses(database, another, ann, monkeypatch):
    """Which says nothing any more."""
    monkeypatch.setattr("chitram.adapters.export_turns_sql.LAPSE", timedelta(seconds=0.1))
    async with SqlExportTurns(database).turn(ann.id):

        async def free() -> bool:
            try:
                async with SqlExportTurns(another).turn(ann.id):
                    return True
            except ExportRunning:
                return False

        await until(free)


async def test_the_turn_of_a_living_process_is_renewed(database, another, ann, monkeypatch):
    """However long it takes."""
    monkeypatch.setattr("chitram.adapters.export_turns_sql.RENEW_SECONDS", 0.05)

    async def end() -> datetime | None:
        async with another.read() as connection:
            found: datetime | None = (await connection.execute(select(user_exports.c.until))).scalar_one_or_none()
            return found

    async with SqlExportTurns(database).turn(ann.id):
        first = await end()
        assert first is not None

        async def later() -> bool:
            return (await end() or first) > first

        await until(later)
    assert await end() is None

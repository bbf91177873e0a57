"""Images, accounts and the invalidation log, on SQLite and on PostgreSQL."""

import asyncio
import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, func, insert, select, text, update

from chitram.adapters.database import Database
from chitram.adapters.images_sql import SqlImages, cache_key
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog, append
from chitram.adapters.schema import SchemaOutdated, migrate, require_current
from chitram.adapters.tables import cache_clock, cache_log, metadata, users
from chitram.adapters.users_sql import SqlUsers
from chitram.domain.account import User
from chitram.domain.errors import EmailExists, ServiceUnavailable
from chitram.domain.identifiers import new_image_id
from chitram.domain.image import Image, Thumbnails, Visibility
from chitram.domain.media import MediaType
from chitram.domain.thumbnail import original_key
from chitram.handlers.present import image_body
from chitram.services.image_ports import ImageChanges, Listing
from ring import Membership, Node, NodeState

NOW = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)


def image(**fields: object) -> Image:
    """An anonymous picture; any field may be another."""
    image_id = new_image_id()
    plain = Image(
        id=image_id,
        owner_id=None,
        visibility=Visibility.PUBLIC,
        filename="చిత్రం.jpg",
        title="చిత్రం",
        media_type=MediaType.JPEG,
        file_size=2**40,
        width=4000,
        height=3000,
        sha256="0" * 64,
        color="#102030",
        blob_key=original_key(image_id),
        thumbnails=Thumbnails.PENDING,
        created_at=NOW,
        updated_at=NOW,
    )
    return replace(plain, **fields)  # type: ignore[arg-type]  # any field, by name


def user(email: str = "ann@example.com") -> User:
    """An account."""
    return User(id=new_image_id(), email=email, is_active=True, is_admin=False, created_at=NOW)


@pytest.fixture
def images(database: Database) -> SqlImages:
    """The images port's rows."""
    return SqlImages(database, image_body)


@pytest.fixture
def log(database: Database) -> SqlInvalidationLog:
    """The log as followers read it."""
    return SqlInvalidationLog(database)


async def test_the_migrations_make_the_tables_of_the_code(database):
    """Nothing is missing, nothing is left over."""

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_a_database_of_another_schema_is_refused(tmp_path):
    """With the command that helps."""
    empty = Database(f"sqlite+aiosqlite:///{tmp_path}/empty.db")
    with pytest.raises(SchemaOutdated, match="chitram migrate"):
        await require_current(empty)
    await empty.close()


def test_migrating_twice_changes_nothing(database_url):
    """`up` migrates at every start."""
    migrate(database_url)
    migrate(database_url)


async def test_an_image_comes_back_as_it_was_stored(images):
    """Microseconds, zones and every script included."""
    stored = image()
    document, _ = await images.add(stored, delete_token_sha256="1" * 64)
    assert await images.load(stored.id) == document
    assert document.body == image_body(stored)
    assert await images.delete_token_sha256(stored.id) == "1" * 64


async def test_pages_follow_time_then_id(images):
    """Also when many pictures have the very same time."""
    stored = [image(created_at=NOW + timedelta(seconds=n // 4)) for n in range(10)]
    for each in stored:
        await images.add(each, delete_token_sha256=None)
    expected = [each.id for each in sorted(stored, key=lambda each: (each.created_at, each.id), reverse=True)]
    seen, after = [], None
    while page := await images.page(Listing(visibility=Visibility.PUBLIC), after, 3):
        after = page[-1]
        seen += [cursor.id for cursor in page]
    assert seen == expected


async def test_lists_are_filtered(images, database):
    """By owner, visibility and digest."""
    ann = user()
    await SqlUsers(database).add(ann, "hash")
    await images.add(image(owner_id=ann.id, sha256="a" * 64), delete_token_sha256=None)
    await images.add(image(visibility=Visibility.UNLISTED), delete_token_sha256=None)
    assert await images.count(Listing()) == 2
    assert await images.count(Listing(owner_id=ann.id)) == 1
    assert await images.count(Listing(owner_id=ann.id, sha256="b" * 64)) == 0
    assert await images.count(Listing(visibility=Visibility.PUBLIC)) == 1


async def test_every_write_is_logged_in_its_own_transaction(images, log):
    """Add, change, thumbnails, remove: one entry each, ids without a gap, under the image's key."""
    stored = image()
    _, added = await images.add(stored, delete_token_sha256=None)
    _, changed = await images.change(stored.id, ImageChanges(title="new"), if_match=None)
    settled = await images.settle_thumbnails(stored.id)
    removed = await images.remove(stored.id)
    assert settled is not None
    assert removed is not None
    commits = [added, changed, settled, removed]
    assert [commit.first for commit in commits] == [1, 2, 3, 4]
    assert [(entry.id, entry.key) for entry in await log.since(0, 10)] == [
        (n, cache_key(stored.id)) for n in range(1, 5)
    ]
    assert (await log.head()).id == 4


async def test_a_write_that_changed_nothing_is_not_logged(images, log):
    """Nobody's cache has to forget anything."""
    assert await images.remove(new_image_id()) is None
    assert await images.settle_thumbnails(new_image_id()) is None
    assert (await log.head()).id == 0


async def test_a_transaction_that_fails_leaves_no_entry(database, log):
    """Head and log move with the data or not at all."""

    async def fail() -> None:
        async with database.write() as connection:
            await append(connection, "k")
            raise RuntimeError("after the log")

    with pytest.raises(RuntimeError, match="after the log"):
        await fail()
    assert (await log.head()).id == 0
    assert await log.since(0, 10) == []


async def test_ids_are_gapless_and_ordered_under_concurrent_writers(images, log):
    """Also when transactions overlap."""
    added = await asyncio.gather(*(images.add(image(), delete_token_sha256=None) for _ in range(20)))
    assert sorted(commit.first for _, commit in added) == list(range(1, 21))
    assert [entry.id for entry in await log.since(0, 100)] == list(range(1, 21))
    assert [entry.id for entry in await log.since(17, 2)] == [18, 19]


async def test_a_head_is_read_after_every_commit_that_ended_before(images, log):
    """What a follower verifies against is never older than a finished write."""
    for expected in range(1, 6):
        await images.add(image(), delete_token_sha256=None)
        assert (await log.head()).id == expected


async def test_fences_are_seen_by_later_writers_and_heads(images, log):
    """Set once under a number, cleared only by that number."""
    await log.settle_members(Membership.of("a=h:1,b=h:2"), replace=False)
    await log.fence(["a"])
    number = (await log.head()).fences["a"]
    await log.fence(["a", "b"])
    assert (await log.head()).fences["a"] == number
    _, commit = await images.add(image(), delete_token_sha256=None)
    assert set(commit.fences) == {"a", "b"}
    await log.unfence("a", number + 1)
    assert "a" in (await log.head()).fences
    await log.unfence("a", number)
    assert set((await log.head()).fences) == {"b"}


async def test_the_first_node_set_stays(log):
    """The configuration fills an empty table and changes nothing later, unless it is told to replace."""
    first = await log.settle_members(Membership.of("a=h:1,b=h:2"), replace=False)
    assert (first.version, [node.name for node in first.nodes]) == (1, ["a", "b"])
    assert await log.settle_members(Membership.of("c=h:3"), replace=False) == first
    second = await log.settle_members(Membership.of("c=h:3"), replace=True)
    assert (second.version, second.nodes) == (2, (Node("c", "h:3", state=NodeState.UP),))
    assert await log.settle_members(Membership.of("c=h:3"), replace=True) == second
    assert await log.members() == second


async def test_old_rows_are_pruned_but_never_the_head(database, log):
    """A follower that was away too long notices the gap."""
    old = datetime.now(UTC) - timedelta(hours=3)
    async with database.write() as connection:
        await connection.execute(insert(cache_log), [{"id": n, "key": "k", "at": old} for n in (1, 2, 3)])
        await connection.execute(update(cache_clock).values(head=3))
    assert await log.prune(timedelta(hours=2)) == 2
    assert [entry.id for entry in await log.since(0, 10)] == [3]


async def test_each_database_has_a_log_of_its_own_identity(log, tmp_path):
    """So that a node which knows another database's log is noticed."""
    path = f"sqlite+aiosqlite:///{tmp_path}/other.db"
    await asyncio.to_thread(migrate, path)
    other = Database(path)
    assert (await log.head()).log != (await SqlInvalidationLog(other).head()).log
    await other.close()


async def test_one_address_is_one_account(database):
    """Decided by the database, whoever comes first."""
    accounts = SqlUsers(database)
    results = await asyncio.gather(*(accounts.add(user(), "hash") for _ in range(4)), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [EmailExists] * 3
    async with database.read() as connection:
        assert (await connection.execute(select(func.count()).select_from(users))).scalar_one() == 1


async def test_a_token_may_be_revoked_twice_at_once(database):
    """Two clicks on "log out" are one."""
    users, later = SqlUsers(database), datetime.now(UTC) + timedelta(hours=1)
    await asyncio.gather(*(users.revoke("one token", later) for _ in range(8)))


async def test_an_address_with_a_nul_is_nobody_s(database):
    """PostgreSQL has no such character, and refuses to look for it."""
    assert await SqlUsers(database).by_email("ann\0@example.com") is None


async def test_revoked_tokens_are_forgotten_when_they_have_expired(database):
    """Revoking twice is no error."""
    accounts, ann, now = SqlUsers(database), user(), datetime.now(UTC)
    await accounts.add(ann, "hash")
    for _ in range(2):
        await accounts.revoke("t1", now + timedelta(hours=1))
    assert await accounts.by_token(ann.id, "t1", now) is None
    assert await accounts.by_token(ann.id, "t2", now) == ann
    assert await accounts.forget_expired_tokens(now) == 0
    assert await accounts.forget_expired_tokens(now + timedelta(hours=2)) == 1


async def test_a_database_that_is_not_there_is_a_clear_error():
    """503 for the caller, not 500."""
    nowhere = Database("postgresql+asyncpg://postgres@127.0.0.1:1/none")
    with pytest.raises(ServiceUnavailable):
        await nowhere.ping()
    await nowhere.close()


async def test_a_lane_is_free_while_everybody_waits(database_url, monkeypatch):
    """They are told what they wait for; its writers take turns with theirs."""
    monkeypatch.setattr("chitram.adapters.database.WAIT_SECONDS", 0.1)
    database = Database(database_url, pool_size=1, max_overflow=0)
    lane = database.lane(1)
    async with database.read():
        with pytest.raises(ServiceUnavailable, match="Too many requests wait for the database"):
            await database.ping()
        await lane.ping()

    async def write(way: Database, name: str) -> None:
        for number in range(10):
            await SqlUsers(way).add(user(f"{name}-{number}@example.com"), "hash")

    await asyncio.gather(write(database, "one"), write(lane, "other"))
    await database.close()


def test_no_thread_outlives_a_closed_database(tmp_path):
    """Whenever its caller is cancelled: it would report to an event loop that is closed."""

    async def ask(database: Database) -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def scenario(turns: int) -> None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path}/any.db")
        asking = asyncio.create_task(ask(database))
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await database.close()

    for turns in range(40):
        asyncio.run(scenario(turns))
        assert not [thread for thread in threading.enumerate() if "_connection_worker_thread" in thread.name]


@pytest.mark.parametrize(("old", "new"), [("postgres@", "stranger@"), ("test_", "unknown_")])
async def test_a_server_that_lets_nobody_in_is_an_unavailable_database(postgres_url, old, new):
    """An unknown role or database is no bug of ours, and no page of a traceback."""
    refused = Database(postgres_url.replace(old, new))
    with pytest.raises(ServiceUnavailable):
        await refused.ping()
    await refused.close()


@pytest.mark.parametrize("kept", [0, 8192])
async def test_a_damaged_file_is_an_unavailable_database(tmp_path: Path, kept: int):
    """One that was cut off by a full disk, and one that never was a database: a sentence, not a traceback."""
    file = tmp_path / "chitram.db"
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.executemany("INSERT INTO t VALUES (?)", [("x" * 1000,)] * 100)
    connection.close()
    file.write_bytes(file.read_bytes()[:kept] or b"no database" * 500)
    damaged = Database(f"sqlite+aiosqlite:///{file}")
    with pytest.raises(ServiceUnavailable, match="damaged"):
        await damaged.ping()
    await damaged.close()

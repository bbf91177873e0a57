"""API keys on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, insert, select, text

from chitram.adapters.api_keys_sql import SqlApiKeys
from chitram.adapters.database import Database
from chitram.adapters.tables import api_keys, images, users
from chitram.adapters.users_sql import SqlUsers
from chitram.domain.account import User
from chitram.domain.api_key import ApiKey, KeyWish, Scope, fingerprint
from chitram.domain.errors import KeyNameTaken, TooManyKeys
from chitram.services.api_keys import ApiKeys
from tests.adapters.test_sql import user

NOW = datetime(2026, 11, 27, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def keys(database: Database) -> SqlApiKeys:
    """The port."""
    return SqlApiKeys(database)


@pytest.fixture
async def ann(database: Database) -> User:
    """An account."""
    account = user()
    await SqlUsers(database).add(account, "hash")
    return account


def key(owner: User, number: int = 1, **fields: object) -> ApiKey:
    """The owner's *number*-th key."""
    plain: dict[str, object] = {
        "id": f"key-{number}",
        "user_id": owner.id,
        "name": f"చిత్రం {number}",
        "scopes": frozenset({Scope.UPLOAD, Scope.READ}),
        "created_at": NOW + timedelta(seconds=number),
        "expires_at": NOW + timedelta(days=number),
        "last_used_at": None,
    }
    return ApiKey(**{**plain, **fields})  # type: ignore[arg-type]  # any field, by name


async def many(database: Database, owner: User, count: int) -> list[str]:
    """So many keys at once; their ids."""
    plain = {"user_id": owner.id, "scopes": "read", "created_at": NOW}
    ids = [f"key-{number}" for number in range(count)]
    rows = [{**plain, "id": key_id, "name": f"చిత్రం {key_id}", "secret_sha256": fingerprint(key_id)} for key_id in ids]
    async with database.write() as connection:
        await connection.execute(insert(api_keys), rows)
    return ids


async def test_a_key_comes_back_with_its_account(keys, ann):
    """By the hash of its secret, and in its owner's list; times with their microseconds."""
    for number in (1, 2):
        await keys.add(key(ann, number), f"{number}" * 64, at_most=9)
    assert await keys.by_hash("2" * 64) == (key(ann, 2), ann)
    assert await keys.by_hash("3" * 64) is None
    assert await keys.of(ann.id) == [key(ann, 2), key(ann, 1)]
    assert [(one.id, address) for one, address in await keys.everybodys()] == [
        ("key-2", "ann@example.com"),
        ("key-1", "ann@example.com"),
    ]
    assert await keys.of("nobody") == []


async def test_a_key_is_found_by_an_index(database, keys, ann):
    """It is looked up at every request that shows one, among those of all accounts."""
    await many(database, ann, 3000)
    async with database.write() as connection:
        await connection.execute(text("ANALYZE"))
    asked: list[tuple[str, Any]] = []
    event.listen(database.engine.sync_engine, "before_cursor_execute", lambda *call: asked.append(call[2:4]))
    found = await keys.by_hash(fingerprint("key-1234"))
    assert found is not None
    assert found[0].id == "key-1234"
    ((statement, parameters),) = asked
    explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
    async with database.read() as connection:
        plan = str((await connection.exec_driver_sql(f"{explain} {statement}", parameters)).all())
    index = "sqlite_autoindex_api_keys" if database.is_sqlite else "Index Scan using uq_api_keys_secret_sha256"
    assert index in plan, plan
    assert "(secret_sha256=?)" in plan or not database.is_sqlite, plan


async def test_nothing_of_a_secret_is_in_the_table(database, keys, ann):
    """Whoever reads it has no key."""
    _, secret = await ApiKeys(keys).create(ann, KeyWish(name="laptop", scopes=frozenset({Scope.READ})))
    async with database.read() as connection:
        (row,) = (await connection.execute(select(api_keys))).all()
    assert row.secret_sha256 == fingerprint(secret)
    assert secret[4:16] not in str(row)


async def test_two_keys_of_an_account_never_have_one_name(keys, ann, database):
    """Also when both come at the same moment; another account may."""
    made = [keys.add(key(ann, number, name="laptop"), f"{number}" * 64, at_most=9) for number in range(3)]
    outcomes = await asyncio.gather(*made, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["KeyNameTaken", "KeyNameTaken", "NoneType"]
    bob = user("bob@example.com")
    await SqlUsers(database).add(bob, "hash")
    await keys.add(key(bob, 9, name="laptop"), "9" * 64, at_most=9)
    with pytest.raises(KeyNameTaken):
        await keys.add(key(bob, 8, name="laptop"), "8" * 64, at_most=9)


async def test_an_account_has_no_more_keys_than_it_may(keys, ann):
    """However many are wanted at once; one that is revoked makes room."""
    made = [keys.add(key(ann, number), f"{number}" * 64, at_most=3) for number in range(8)]
    outcomes = await asyncio.gather(*made, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(TooManyKeys) == 5
    kept = await keys.of(ann.id)
    assert len(kept) == 3
    assert await keys.remove(ann.id, kept[0].id)
    await keys.add(key(ann, 9), "9" * 64, at_most=3)


async def test_only_its_owner_revokes_a_key(keys, ann):
    """And once; an id that no key has is no error."""
    await keys.add(key(ann), "1" * 64, at_most=9)
    for owner, key_id in (("bob", "key-1"), (ann.id, "key-2"), (ann.id, "key-1\0")):
        assert not await keys.remove(owner, key_id)
    assert await keys.remove(ann.id, "key-1")
    assert not await keys.remove(ann.id, "key-1")
    assert await keys.by_hash("1" * 64) is None


async def test_a_use_is_written_down_once_a_minute(keys, ann):
    """Whichever process comes first; keys that are gone meanwhile are passed over."""
    for number in (1, 2):
        await keys.add(key(ann, number), f"{number}" * 64, at_most=9)

    async def used() -> list[datetime | None]:
        return [one.last_used_at for one in reversed(await keys.of(ann.id))]

    await keys.mark_used({"key-1": NOW, "gone": NOW}, unless_within=MINUTE)
    assert await used() == [NOW, None]
    soon, later = NOW + timedelta(seconds=59), NOW + MINUTE
    await keys.mark_used({"key-1": soon, "key-2": soon}, unless_within=MINUTE)
    assert await used() == [NOW, soon]
    await keys.mark_used({"key-1": later, "key-2": later}, unless_within=MINUTE)
    assert await used() == [later, soon]


async def test_many_processes_write_uses_down_at_once(database, keys, ann):
    """In whatever order they met the keys: none waits for another for ever."""
    ids = await many(database, ann, 300)
    orders = [ids if turn % 2 else reversed(ids) for turn in range(8)]
    await asyncio.gather(*(keys.mark_used(dict.fromkeys(order, NOW), unless_within=timedelta()) for order in orders))
    assert {one.last_used_at for one in await keys.of(ann.id)} == {NOW}


async def test_a_key_never_outlives_its_account(database, keys, ann):
    """Nobody would be left who could revoke it."""
    await keys.add(key(ann), "1" * 64, at_most=9)
    async with database.write() as connection:
        await connection.execute(delete(images))
        await connection.execute(delete(users).where(users.c.id == ann.id))
    assert await keys.by_hash("1" * 64) is None

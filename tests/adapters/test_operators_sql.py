"""What operators ask the database for, on SQLite and on PostgreSQL."""

import asyncio
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest

from chitram.adapters.database import Database
from chitram.adapters.database_facts import examine_database
from chitram.adapters.images_sql import SqlImages, cache_key
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.inventory_sql import SqlInventory
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.adapters.schema import migrate
from chitram.adapters.users_sql import SqlUsers
from chitram.domain.errors import Conflict, NotFound
from chitram.domain.image import Thumbnails
from chitram.domain.node_set import Action, NodeChange
from chitram.handlers.present import image_body
from ring import Membership
from tests.adapters.test_sql import image, user


@pytest.fixture
def images(database) -> SqlImages:
    """Rows as the service writes them."""
    return SqlImages(database, image_body)


async def filled(images: SqlImages, count: int) -> list[str]:
    """The ids of so many images, in their order."""
    ids = []
    for _ in range(count):
        one = image()
        await images.add(one, delete_token_sha256=None)
        ids.append(one.id)
    return sorted(ids)


async def test_the_inventory_lists_every_original_once(database, images):
    """By id, from anywhere on; a sample of them; those that are named."""
    ids, inventory = await filled(images, 5), SqlInventory(database)
    first = await inventory.originals("", 3)
    rest = await inventory.originals(first[-1].id, 3)
    assert [one.id for one in (*first, *rest)] == ids
    assert first[0].size == 2**40
    assert len({one.id for one in await inventory.sample(3)}) == 3
    assert [one.id for one in await inventory.named([ids[1], "unknown"])] == [ids[1]]
    assert await inventory.known([*ids[:2], "unknown"]) == set(ids[:2])


async def test_given_up_thumbnails_are_owed_again_and_everybody_learns_it(database, images):
    """Only those that were given up, each with its entry in the log."""
    ids, inventory = await filled(images, 3), SqlInventory(database)
    for image_id, reason in zip(ids[:2], ("no picture", None), strict=True):
        await images.settle_thumbnails(image_id, reason=reason)
    assert await inventory.counts() == {Thumbnails.PENDING: 1, Thumbnails.READY: 1, Thumbnails.FAILED: 1}
    assert [one.id for one in await inventory.with_thumbnails(Thumbnails.FAILED, 9)] == [ids[0]]
    owed, commit = await images.owe_again(ids)
    assert (owed, commit.keys if commit else ()) == ([ids[0]], (cache_key(ids[0]),))
    assert await inventory.counts() == {Thumbnails.PENDING: 2, Thumbnails.READY: 1, Thumbnails.FAILED: 0}
    assert await images.owe_again(ids) == ([], None)


async def test_a_key_is_invalidated_without_a_write(database):
    """It has its place in the log like any."""
    log = SqlInvalidationLog(database)
    before = await log.head()
    commit = await log.invalidate("one", "two")
    assert (commit.first, commit.last) == (before.id + 1, before.id + 2)
    assert [entry.key for entry in await log.since(before.id, 9)] == ["one", "two"]


async def test_somebody_is_always_left_who_is_an_administrator(database):
    """Also when two are demoted at the same moment."""
    users, now = SqlUsers(database), datetime.now(UTC)
    for name in ("ann", "bob"):
        await users.add(user(f"{name}@example.com"), "hash")
        assert (await users.set_admin(f"{name}@example.com", admin=True)).is_admin
    both = [users.set_admin(f"{name}@example.com", admin=False) for name in ("ann", "bob")]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(Conflict) == 1
    (last,) = [one.email for one in await users.everybody() if one.is_admin]
    with pytest.raises(Conflict):
        await users.set_active(last, active=False, now=now)
    with pytest.raises(NotFound):
        await users.set_active("eve@example.com", active=False, now=now)


async def test_a_restored_copy_leaves_the_original_s_nodes_alone(database):
    """A new identity, and no node until the next start names its own."""
    log, sets = SqlInvalidationLog(database), SqlNodeSets(database)
    await log.settle_members(Membership.of("a=h:1,b=h:2"), replace=False)
    before = await log.head()
    await sets.renew()
    assert len((await sets.current()).nodes) == 2
    await sets.renew(without_nodes=True)
    after = await log.head()
    assert (before.log != after.log, after.version - before.version, (await sets.current()).nodes) == (True, 2, ())


async def test_the_database_says_what_the_doctor_wants_to_know(database, images):
    """Its server, its clock, its schema, its head, its newest pictures."""
    ids = await filled(images, 7)
    facts = await examine_database(database)
    assert facts.server.split()[0] == ("SQLite" if database.is_sqlite else "PostgreSQL")
    assert (facts.schema, facts.read_only, facts.head) == ("current", False, 7)
    assert abs(facts.clock_ahead) < 1
    assert len(facts.newest) == 5
    assert {key.rpartition("/")[2] for key in facts.newest} <= set(ids)


async def test_a_fast_clock_does_not_let_a_node_go_while_it_is_read(postgres_url, monkeypatch):
    """The machine that removes may be an hour ahead of the one that drained: the database's clock decides."""
    await asyncio.to_thread(migrate, postgres_url)
    database = Database(postgres_url)
    await SqlInvalidationLog(database).settle_members(Membership.of("a=h:1,b=h:2"), replace=True)
    sets = SqlNodeSets(database)
    await sets.commit(NodeChange(Action.DRAIN, "a"), version=None)

    ahead = Mock(now=lambda zone: datetime.now(zone) + timedelta(hours=1))
    monkeypatch.setattr("chitram.adapters.database_clock.datetime", ahead)
    with pytest.raises(Conflict, match="draining; it can go in"):
        await sets.commit(NodeChange(Action.REMOVE, "a"), version=None)
    await database.close()

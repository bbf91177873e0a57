"""Where a joining node lies, as it is stored and read back, on SQLite and on PostgreSQL."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import text

from chitram.adapters.database import Database
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.adapters.schema import MIGRATIONS
from chitram.domain.node_set import Action, NodeChange
from ring import HashRing, Membership, Node, choose_seed

HALF_A_POINT = 0.005


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without any table."""
    if request.param == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path}/old.db"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


@pytest.fixture
async def sets(database: Database) -> SqlNodeSets:
    """The port, over three nodes that were there from the start."""
    await SqlInvalidationLog(database).settle_members(Membership.of("a=h:1,b=h:2,c=h:3"), replace=False)
    return SqlNodeSets(database)


@pytest.fixture
def no_draining(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drained node can go at once."""
    monkeypatch.setattr("chitram.adapters.node_set_sql.DRAIN_SECONDS", 0.0)


async def take_in(sets: SqlNodeSets, name: str, weight: float = 1.0) -> None:
    """Add a node and make it ready."""
    await sets.commit(NodeChange(Action.ADD, name, f"{name}:1", weight), version=None)
    await sets.commit(NodeChange(Action.READY, name), version=None)


async def seeds(sets: SqlNodeSets) -> dict[str, int]:
    """As they are stored."""
    return {node.name: node.seed for node in (await sets.current()).nodes}


@pytest.mark.parametrize("weight", [0.5, 1.0, 2.0])
async def test_a_plan_says_exactly_what_its_commits_do(sets, database, weight):
    """Shares and moves to the last digit, in the database, in a process that follows it, and for 100,000 keys."""
    log = SqlInvalidationLog(database)
    old, planned = (await log.members()).ring(), await sets.plan(NodeChange(Action.ADD, "d", "h:4", weight))
    assert (await log.members()).ring().hash == old.hash, "a plan changes nothing"
    added = await sets.commit(NodeChange(Action.ADD, "d", "h:4", weight), version=planned.version)
    assert (await log.members()).ring().slots == old.slots, "nobody reads it yet"
    again = await sets.plan(NodeChange(Action.READY, "d"))
    ready = await sets.commit(NodeChange(Action.READY, "d"), version=added.version)
    new = (await log.members()).ring()
    assert dict(planned.after) == dict(again.after) == dict(ready.shares) == new.shares()
    assert (planned.moves, ready.ring_hash) == (again.moves, new.hash)
    assert abs(ready.shares["d"] - weight / (3 + weight)) <= HALF_A_POINT
    owners = [(old.preference(f"image:{n}")[0], new.preference(f"image:{n}")[0]) for n in range(100_000)]
    assert {now for was, now in owners if was != now} == {"d"}
    assert abs(planned.moved - sum(was != now for was, now in owners) / len(owners)) < HALF_A_POINT


async def test_nodes_that_join_together_take_their_due_one_after_the_other(sets):
    """Also if one is made heavier meanwhile: until a node is read, each change chooses anew what suits the ring."""
    for name in ("d", "e"):
        await sets.commit(NodeChange(Action.ADD, name, f"{name}:1"), version=None)
    before = await seeds(sets)
    await sets.commit(NodeChange(Action.READY, "d"), version=None)
    await sets.commit(NodeChange(Action.WEIGHT, "e", weight=2.0), version=None)
    planned = await sets.plan(NodeChange(Action.READY, "e"))
    ready = await sets.commit(NodeChange(Action.READY, "e"), version=planned.version)
    assert dict(planned.after) == dict(ready.shares)
    assert abs(ready.shares["e"] - 2 / 6) <= HALF_A_POINT
    assert (await seeds(sets))["d"] == before["d"] != 0


async def test_a_seed_stays_until_its_node_is_removed(sets, database, no_draining):
    """Through draining, coming back and other weights; whoever joins again finds another ring, and another place."""
    await take_in(sets, "d")
    kept = await seeds(sets)
    for change in (
        NodeChange(Action.WEIGHT, "d", weight=2.0),
        NodeChange(Action.WEIGHT, "d"),
        NodeChange(Action.DRAIN, "d"),
        NodeChange(Action.READY, "d"),
        NodeChange(Action.DRAIN, "a"),
        NodeChange(Action.REMOVE, "a"),
    ):
        await sets.commit(change, version=None)
        assert (await seeds(sets)).items() <= kept.items()
    rest = (await SqlInvalidationLog(database).members()).ring()
    await take_in(sets, "a")
    chosen = (await seeds(sets))["a"]
    assert chosen == choose_seed(rest, Node("a", "h:1")) != kept["a"]
    assert {name: seed for name, seed in (await seeds(sets)).items() if name != "a"} == {
        name: seed for name, seed in kept.items() if name != "a"
    }


async def test_a_ring_can_grow_out_of_nothing(database):
    """Without REDIS_NODES the first node needs no place, and the second one takes half."""
    sets = SqlNodeSets(database)
    for name in "ab":
        await take_in(sets, name)
    current = await sets.current()
    assert (await seeds(sets))["a"] == 0
    assert abs(current.shares["b"] - 0.5) <= HALF_A_POINT


async def test_a_node_set_with_seeds_is_stored_whole(database):
    """What a first node set says is what every process then reads."""
    nodes = (Node("a", "h:1"), Node("b", "h:2", 2.0, seed=9))
    settled = await SqlInvalidationLog(database).settle_members(Membership(nodes, salt=3), replace=False)
    assert settled.nodes == nodes
    assert settled.ring().slots == HashRing(nodes, salt=3).slots


async def to_revision(url: str, revision: str) -> None:
    """Migrate up, or down where it says so by a minus."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    move = command.downgrade if revision.startswith("-") else command.upgrade
    await asyncio.to_thread(move, config, revision.removeprefix("-"))


async def test_nodes_that_were_there_before_seeds_keep_their_keys(empty_url):
    """The migration moves nothing, up and down; and processes of the version before can go on writing nodes."""
    database, weights = Database(empty_url), {"a": 1.0, "b": 0.5, "c": 2.0}

    async def write(name: str) -> None:
        columns = "(name, address, weight, state, changed_at)"
        values = f"('{name}', 'h:1', {weights[name]}, 'up', '2026-01-01 00:00:00.000000')"
        async with database.write() as connection:
            await connection.execute(text("UPDATE cache_clock SET salt = 20"))
            await connection.execute(text(f"INSERT INTO cache_node {columns} VALUES {values}"))

    expected = HashRing([Node(name, "h:1", weight) for name, weight in weights.items()], salt=20)
    await to_revision(empty_url, "0001")
    await write("a")
    await write("b")
    await to_revision(empty_url, "head")
    await write("c")
    for revision in ("head", "-0001", "head"):
        await to_revision(empty_url, revision)
    ring = (await SqlInvalidationLog(database).members()).ring()
    await database.close()
    assert (ring.slots, ring.hash) == (expected.slots, expected.hash)

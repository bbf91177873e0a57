"""`chitram ring` on a real database and real nodes."""

import asyncio
import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import update

from chitram.adapters.database import Database
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.tables import cache_node
from chitram.cli import main
from ring import Membership
from tests.servers.service import node_list


@pytest.fixture
def ring(own_settings, redis_nodes, monkeypatch):
    """Run `chitram ring …` on a fresh database whose node set is three real nodes."""
    url = str(own_settings["database_url"])
    monkeypatch.setenv("DATABASE_URL", url)

    async def fill() -> None:
        database = Database(url)
        await SqlInvalidationLog(database).settle_members(Membership.of(node_list(redis_nodes)), replace=True)
        await database.close()

    asyncio.run(fill())

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["ring", *arguments])

    return run


def test_show_and_where_and_distribution(ring):
    """For people and for programs."""
    assert "3 nodes, version 1" in ring("show").output
    fields = json.loads(ring("--json", "show").output)
    assert sum(node["share"] for node in fields["nodes"]) == pytest.approx(1)
    placed = json.loads(ring("--json", "where", "G7kKzVd2yw4y").output)
    assert placed["key"] == "image:51e6e972-e59e-8e37-84e2-f12d6a1b2f4d"
    assert sorted(placed["nodes"]) == ["a", "b", "c"]
    rows = json.loads(ring("--json", "distribution").output)["nodes"]
    assert all(abs(row["share"] - row["sampled"]) < 0.02 for row in rows.values())


def test_options_may_stand_before_or_after_a_command_s_name(ring):
    """Both read naturally, and scripts have either."""
    assert ring("--json", "show").output == ring("show", "--json").output


def test_status_tells_a_dead_node_by_its_exit_code(ring, redis_nodes):
    """And `check` says which."""
    redis_nodes["b"].kill()
    status, check = ring("status"), ring("check")
    assert (status.exit_code, check.exit_code) == (1, 1)
    assert "DN  b" in status.output
    assert max(map(len, status.output.splitlines()[:3])) < 80  # a long reason widens no column but its own, the last
    assert "node b does not answer" in check.output
    assert "node a has no ring record yet" in check.output


def test_a_change_says_what_moves_and_what_comes_next(ring):
    """Add, ready, weight, drain; remove only after the drain time."""
    planned = ring("plan", "add", "d", "127.0.0.1:1")
    assert "of the keys get another node" in planned.output
    assert "0.00% of the keys" not in planned.output
    assert "chitram ring ready d" in ring("add", "d", "127.0.0.1:1").output
    assert ring("ready", "d", "--force").exit_code == 0
    assert ring("weight", "d", "0.5").exit_code == 0
    assert "chitram ring remove d" in ring("drain", "d").output
    refused = ring("remove", "d")
    assert refused.exit_code == 1
    assert "it can go in" in refused.output
    assert "version 5" in ring("show").output


def test_a_node_that_is_added_gets_what_was_planned(ring):
    """Its due, from the first look at the plan to the ring that serves; where it lies is told with it."""
    planned = json.loads(ring("--json", "plan", "add", "d", "127.0.0.1:1").output)
    ring("add", "d", "127.0.0.1:1")
    ring("ready", "d", "--force")
    nodes = json.loads(ring("--json", "show").output)["nodes"]
    assert {node["name"]: node["share"] for node in nodes} == planned["after"]
    assert planned["after"]["d"] == pytest.approx(1 / 4, abs=0.005)
    assert [node["name"] for node in nodes if node["seed"]] == ["d"]


def test_a_node_is_asked_before_it_is_taken_in_and_before_it_is_read(ring, redis_nodes):
    """One that does not answer is taken in with a warning, and not made ready without force."""
    assert "cannot be reached" not in ring("add", "twin", node_list(redis_nodes).split("=")[1].split(",")[0]).stderr
    added = ring("add", "d", "127.0.0.1:1", "--json")
    assert (added.exit_code, "node d cannot be reached" in added.stderr) == (0, True)
    assert [node["state"] for node in json.loads(added.stdout)["nodes"] if node["name"] == "d"] == ["joining"]
    refused = ring("ready", "d")
    assert (refused.exit_code, "chitram ring ready d" in refused.stderr, "--force" in refused.stderr) == (1, True, True)
    assert "version 3" in ring("show").output
    assert ring("ready", "twin").exit_code == 0
    forced = ring("ready", "d", "--force")
    assert (forced.exit_code, "node d cannot be reached" in forced.stderr) == (0, True)


def test_a_drained_node_that_died_is_not_made_ready(ring, redis_nodes):
    """Its address is the stored one."""
    ring("drain", "b")
    redis_nodes["b"].kill()
    assert ring("ready", "b").exit_code == 1
    assert ring("drain", "a").exit_code == 0
    assert ring("ready", "a").exit_code == 0


@pytest.mark.parametrize("weight", ["0", "-1", "nan", "inf", "101", "heavy"])
def test_a_weight_that_cannot_be_is_a_mistake_in_the_call(ring, weight):
    """For the change and for its plan; zero has a command of its own."""
    for arguments in (("weight", "--", "a", weight), ("plan", "--", "weight", "a", weight)):
        said = ring(*arguments)
        assert (said.exit_code, "chitram ring drain a" in said.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("drain", "z"), "no node z"),
        (("add", "d", "foo:bar"), "expected host:port"),
        (("add", "d d", "h:1"), "node name"),
        (("weight", "a", "heavy"), "takes a number"),
        (("weight", "a", "1000"), "weight"),
        (("plan", "add", "d"), "takes the node's address"),
    ],
)
def test_a_mistake_is_one_sentence(ring, arguments, words):
    """On stderr, with exit code, changing nothing."""
    result = ring(*arguments)
    assert result.exit_code != 0
    assert words in result.output
    assert "Traceback" not in result.output
    assert "version 1" in ring("show").output


@pytest.mark.parametrize("scheme", ["valkey://", "redis://"])
def test_every_address_that_the_ring_takes_can_be_asked(ring, own_settings, redis_nodes, scheme):
    """A scheme of its own, and a question mark that the ring takes no notice of: a node that answers is up."""
    address = f"{scheme}127.0.0.1:{redis_nodes['c'].port}?unknown=1"
    change = update(cache_node).where(cache_node.c.name == "c").values(address=address)

    async def move() -> None:
        database = Database(str(own_settings["database_url"]))
        async with database.write() as connection:
            await connection.execute(change)
        await database.close()

    asyncio.run(move())
    probes = json.loads(ring("--json", "status").output)["probes"]
    assert [probe["up"] for probe in probes] == [True, True, True]

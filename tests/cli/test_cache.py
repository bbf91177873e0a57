"""`chitram cache` beside a running service over three real nodes."""

import asyncio

import pytest
from sqlalchemy import update

from chitram.adapters.database import Database
from chitram.adapters.tables import images
from chitram.domain.identifiers import new_image_id
from chitram.embedded.node import command
from tests.api import healthy, show, thumbnails_ready, upload
from tests.cli.commands import Commands
from tests.servers.service import node_list
from tests.waiting import until


@pytest.fixture
async def service(start_service, redis_nodes):
    """A service that trusts its three nodes."""
    client = await start_service(redis_nodes=node_list(redis_nodes))
    await healthy(client)
    return client


@pytest.fixture
def chitram(own_settings) -> Commands:
    """Commands on its database."""
    return Commands(own_settings)


@pytest.fixture
async def cached(service) -> str:
    """The id of a picture that is in the cache."""
    fields = await upload(service, visibility="public")
    await thumbnails_ready(service, fields["id"])

    async def hit() -> bool:
        return (await show(service, fields["id"]))[2]["X-Cache"] == "HIT"

    await until(hit)
    return str(fields["id"])


async def test_get_says_where_a_picture_lies_and_for_how_long(service, chitram, cached):
    """On its owner, under the present epoch, as the service would send it."""
    found = await chitram.json("cache", "get", cached)
    held = found["nodes"][0]
    assert (held["node"], held["kind"], held["current"]) == (found["owner"], "value", True)
    assert 3000 < held["ttl_seconds"] <= 4000
    assert [node["kind"] for node in found["nodes"][1:]] == ["nothing", "nothing"]
    body = (await chitram("cache", "get", cached, "--body")).stdout
    status, fields, headers = await show(service, cached)
    assert (status, headers["Etag"]) == (200, f'"{held["etag"]}"')
    assert f'"id":"{fields["id"]}"' in body
    assert "its owner is" in (await chitram("cache", "get", fields["short_id"])).stdout


async def test_get_of_what_is_not_cached_has_exit_code_1(chitram, service, redis_nodes):
    """Neither have leases, foreign things and values of an earlier epoch that nobody is served."""
    assert (await chitram("cache", "get", "G7kKzVd2yw4y")).exit_code == 1
    body = await chitram("cache", "get", "G7kKzVd2yw4y", "--body")
    assert (body.exit_code, body.stdout, "no node holds a body under image:" in body.stderr) == (1, "", True)
    for key, value in {"l": "L12345678" + "x" * 16, "f": "what is this", "v": "V12345678" + "x" * 30}.items():
        for node in redis_nodes.values():
            assert command(node.socket, f'SET chitram:k:test:{key} "{value}"\r\n'.encode()).startswith(b"+OK")
    said = {key: await chitram("cache", "get", f"test:{key}") for key in "lfv"}
    assert [result.exit_code for result in said.values()] == [1, 1, 1]
    assert "being filled" in said["l"].stdout
    assert "not Chitram's" in said["f"].stdout
    assert "of an earlier epoch: not served" in said["v"].stdout


async def test_invalidate_brings_out_what_was_changed_behind_the_cache(service, chitram, cached, own_settings):
    """A row that somebody mended by hand is shown as soon as the command has ended."""
    database = Database(own_settings["database_url"])
    async with database.write() as connection:
        await connection.execute(update(images).values(title="mended by hand"))
    await database.close()
    assert (await show(service, cached))[1]["title"] != "mended by hand"
    found = await chitram.json("cache", "invalidate", cached)
    assert (await show(service, cached))[1]["title"] == "mended by hand"
    assert (found["reached"], found["missed"]) == (["a", "b", "c"], [])


async def test_invalidate_says_when_there_is_no_such_picture(service, chitram, cached):
    """Its key is forgotten all the same; nothing of the kind is said of one that there is."""
    nobody = await chitram("cache", "invalidate", "G7kKzVd2yw4y")
    assert (nobody.exit_code, "there is no such picture" in nobody.stdout) == (0, True)
    assert "is invalidated" in nobody.stdout
    assert (await chitram.json("cache", "invalidate", f"image:{new_image_id()}"))["no_such_picture"]
    assert not (await chitram.json("cache", "invalidate", cached))["no_such_picture"]


@pytest.mark.parametrize("text", ["nonsense", "", ":", "image:nonsense", "51e6e972-e59e-8e37-84e2-f12d6a1b2f4e"])
@pytest.mark.parametrize("command", ["cache invalidate", "cache get", "ring where"])
async def test_what_is_neither_an_id_nor_a_key_is_a_mistake(service, chitram, command, text):
    """An id with a slip of the pen, above all."""
    said = await chitram(*command.split(), text)
    assert (said.exit_code, "image:ID" in said.stderr) == (2, True)


async def test_invalidate_names_the_node_that_it_could_not_reach(service, chitram, cached, redis_nodes):
    """It waits until nobody reads there any more, and says so; the node comes back without the old value."""
    owner = (await chitram.json("cache", "get", cached))["owner"]
    redis_nodes[owner].pause()
    said = await chitram("cache", "invalidate", cached)
    assert (said.exit_code, f"not reached: {owner}. Until it has caught up" in said.stdout) == (0, True)
    redis_nodes[owner].resume()

    async def gone() -> bool:
        held = (await chitram.json("cache", "get", cached))["nodes"][0]
        return (held["node"], held["kind"]) == (owner, "nothing")

    await until(gone)


async def test_stats_ask_every_node(service, chitram, cached, redis_nodes):
    """Exit code 1 when one is silent, and the others' numbers all the same."""
    everything = await chitram.json("cache", "stats")
    assert [node["name"] for node in everything["nodes"]] == ["a", "b", "c"]
    assert sum(node["owns"] for node in everything["nodes"]) == pytest.approx(1)
    assert sum(node["keys_of_ours"] for node in everything["nodes"]) >= 4
    assert all(node["policy"] == "volatile-lfu" and node["lag"] == 0 for node in everything["nodes"])
    await asyncio.to_thread(redis_nodes["b"].kill)
    partly = await chitram("cache", "stats")
    assert (partly.exit_code, "b does not answer" in partly.stdout, "volatile-lfu" in partly.stdout) == (1, True, True)

"""The ring page over real nodes: it agrees with everybody else, and a plan comes true."""

import asyncio
import json
import re
from collections import Counter

import pytest
from click.testing import CliRunner

from chitram.adapters.database import Database
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.cli import main
from chitram.embedded.node import NodeProcess, command
from ring import HashRing
from tests.admin import RING, administrator, page, ring_json, send, sentence, table
from tests.api import API, Client, bearer, healthy, show, status_of, thumbnails_ready, upload
from tests.pictures import picture
from tests.waiting import until

Fleet = dict[str, NodeProcess]


@pytest.fixture
async def admin(cached_service, own_settings) -> str:
    """The token of an administrator, whose session the client carries."""
    return await administrator(cached_service, own_settings)


async def some_pictures(service: Client, count: int) -> list[str]:
    """Ids of pictures that are settled: nothing writes to them any more."""
    ids = [(await upload(service, picture(size=(16, 16), seed=n), visibility="public"))["id"] for n in range(count)]
    for image_id in ids:
        await thumbnails_ready(service, image_id)
    return ids


async def placement(settings: dict[str, object]) -> HashRing:
    """The ring as every process computes it."""
    database = Database(str(settings["database_url"]))
    members = await SqlInvalidationLog(database).members()
    await database.close()
    return members.ring()


async def hit_on(service: Client, image_id: str, owner: str) -> None:
    """Wait until that node answers with it; another one may stand in while this one is verified anew."""

    async def hit() -> bool:
        headers = (await show(service, image_id))[2]
        return (headers["X-Cache"], headers.get("X-Cache-Node")) == ("HIT", owner)

    await until(hit)


def part(text: str) -> float:
    """A percentage as a number."""
    return float(text.removesuffix("%")) / 100


def entries_of(node: NodeProcess) -> int:
    """How many keys a node itself says that it holds."""
    return int(command(node.socket, b"DBSIZE\r\n").strip().removeprefix(b":"))


async def test_page_twin_command_and_nodes_agree(cached_service, admin, own_settings, redis_nodes, monkeypatch):
    """On names, states, shares and keys; and the shares are those by which reads really go."""
    ids = await some_pictures(cached_service, 30)
    served: Counter[str] = Counter()
    for image_id, owner in zip(ids, await owners(own_settings, ids), strict=True):
        await hit_on(cached_service, image_id, owner)
        served[owner] += 1
    monkeypatch.setenv("DATABASE_URL", str(own_settings["database_url"]))
    result = await asyncio.to_thread(CliRunner().invoke, main, ["ring", "--json", "show"])
    told = {node["name"]: node for node in json.loads(result.output)["nodes"]}
    asked = {name: entries_of(node) for name, node in redis_nodes.items()}
    await until(lambda: counted(cached_service, admin, asked))  # what nodes say is remembered for a second
    status, text = await page(cached_service)
    twin = await ring_json(cached_service, admin)
    rows = {row["Node"].split("unix:")[0]: row for row in table(text, "ring-table")}
    live = {node["name"]: node for node in twin["nodes"]}
    assert status == 200
    assert sorted(rows) == sorted(live) == sorted(told) == ["a", "b", "c"]
    for name, row in rows.items():
        assert row["State"] == "UN serving"
        assert row["Owns, exact"] == f"{live[name]['share']:.2%}" == f"{told[name]['share']:.2%}"
        assert row["Keys, sampled"] == f"{live[name]['sampled']:.2%}"
        assert row["Keys"] == str(live[name]["keys"]) == str(asked[name])
        assert abs(live[name]["sampled"] - live[name]["share"]) < 0.02
        assert live[name]["reads"] >= served[name] > 0
    assert all(asked[name] > served[name] for name in "abc"), "the ring record is a key too"
    assert sentence(text).startswith("3 of 3 nodes serving · balanced")
    assert twin["sentence"].startswith("3 of 3 nodes serving · balanced")
    assert twin["version"] == json.loads(result.output)["version"]


async def counted(service: Client, token: str, asked: dict[str, int]) -> bool:
    """Whether the page knows how many keys each node has."""
    return {node["name"]: node["keys"] for node in (await ring_json(service, token))["nodes"]} == asked


async def owners(settings: dict[str, object], ids: list[str]) -> list[str]:
    """Who owns each picture."""
    ring = await placement(settings)
    return [ring.preference(f"image:{image_id}")[0] for image_id in ids]


async def test_a_plan_says_what_100_000_keys_then_do(cached_service, admin, own_settings):
    """Planned, read, committed with the name typed: the shares and what moved are those that were announced."""
    keys = [f"image:{number}" for number in range(100_000)]
    old = await placement(own_settings)
    status, text = await send(cached_service, "plan", action="weight", name="b", weight="0.25")
    assert status == 200
    announced = {row["Node"]: part(row["Then"]) for row in table(text, "ring-shares")}
    (moved,) = re.findall(r"<strong>([\d.]+%)</strong> of the keys move", text)
    (version,) = re.findall(r'name="version" value="(\d+)"', text)
    assert (await placement(own_settings)).hash == old.hash, "a plan changes nothing"
    fields = {"action": "weight", "name": "b", "weight": "0.25", "version": version}
    assert (await send(cached_service, "commit", **fields, typed="b"))[0] == 303
    new = await placement(own_settings)
    owned = [(old.preference(key)[0], new.preference(key)[0]) for key in keys]
    counts = Counter(now for _, now in owned)
    assert abs(part(moved) - sum(was != now for was, now in owned) / len(keys)) < 0.005
    for name, share in announced.items():
        assert abs(share - counts[name] / len(keys)) < 0.005
    assert {
        row["Node"].split("unix:")[0]: part(row["Owns, exact"]) for row in await rows_of(cached_service)
    } == announced


async def rows_of(service: Client) -> list[dict[str, str]]:
    """The node table."""
    return table((await page(service))[1], "ring-table")


async def test_a_commit_needs_the_name_and_the_version_of_its_plan(cached_service, admin):
    """Each refusal says what to do; nothing happens before both are right."""
    version = (await ring_json(cached_service, admin))["version"]
    fields = {"action": "drain", "name": "a", "version": version}
    status, text = await send(cached_service, "commit", **fields, typed="A")
    assert status == 422
    assert "Type a to go on" in text
    assert "of the keys move" in text, "the plan is still there to be read"
    assert (await ring_json(cached_service, admin))["version"] == version
    assert (await send(cached_service, "commit", **fields, typed="a"))[0] == 303
    status, text = await send(cached_service, "commit", action="drain", name="b", version=version, typed="b")
    assert status == 409
    assert f"The node set is at version {version + 1} by now: plan again." in text
    assert "Plan again" in text
    assert [node["state"] for node in (await ring_json(cached_service, admin))["nodes"]] == ["draining", "up", "up"]


async def test_maintenance_is_draining_and_ready_ends_it_warm(cached_service, admin, own_settings):
    """A node that kept running meanwhile was written to, so what it holds is right and is read again."""
    (image_id,) = await some_pictures(cached_service, 1)
    (owner,) = await owners(own_settings, [image_id])
    await hit_on(cached_service, image_id, owner)
    status, text = await send(cached_service, "plan", action="maintenance", name=owner)
    assert status == 200
    assert "the intent to come back" in text
    assert 'name="action" value="drain"' in text
    await commit(cached_service, admin, "drain", owner)
    await until(lambda: read_from(cached_service, image_id, besides=owner))
    row = next(row for row in await rows_of(cached_service) if row["Node"].startswith(owner))
    assert row["State"] == "UL draining, not read"
    assert row["Actions"] == f"Ready {owner}Remove {owner}"
    await commit(cached_service, admin, "ready", owner)
    firsts: list[str] = []

    async def read_there() -> bool:
        headers = (await show(cached_service, image_id))[2]
        firsts.append(headers["X-Cache"])
        return headers.get("X-Cache-Node") == owner

    await until(read_there)
    assert firsts[-1] == "HIT", "its first answer after its return"


async def read_from(service: Client, image_id: str, *, besides: str) -> bool:
    """Whether another node has it."""
    headers = (await show(service, image_id))[2]
    return headers["X-Cache"] == "HIT" and headers.get("X-Cache-Node") != besides


async def commit(service: Client, token: str, action: str, name: str) -> None:
    """Through the page."""
    version = (await ring_json(service, token))["version"]
    assert (await send(service, "commit", action=action, name=name, version=version, typed=name))[0] == 303


async def test_the_key_inspector_asks_the_nodes(cached_service, admin, own_settings):
    """By either id or the key itself: slot, owner, next two, and what each really holds."""
    (image_id,) = await some_pictures(cached_service, 1)
    order = (await placement(own_settings)).preference(f"image:{image_id}")
    await hit_on(cached_service, image_id, order[0])
    _, fields, _ = await show(cached_service, image_id)
    path = f"{API}/admin/cache"
    for spelled in (image_id, fields["short_id"], f"image:{image_id}"):
        async with cached_service.get(f"{path}/{spelled}", headers=bearer(admin)) as answer:
            found = await answer.json()
        assert [node["node"] for node in found["nodes"]] == list(order)
        first = found["nodes"][0]
        assert (first["kind"], first["current"]) == ("value", True)
        assert 0 < first["ttl"] <= 3600
        assert first["size"] > len(image_id)
        assert {node["kind"] for node in found["nodes"][1:]} == {"nothing"}
        _, text = await page(cached_service, f"{RING}?key={spelled}")
        assert f"image:{image_id}" in text
        assert f"{found['slot']} of 65536" in text
        assert 'class="ring-marker"' in text
    assert fields["sha256"] not in json.dumps(found)


async def test_a_dead_node_is_no_reason_not_to_look(cached_service, admin, own_settings, redis_nodes):
    """It gives no answer, the others do, and what it held can be invalidated all the same."""
    (image_id,) = await some_pictures(cached_service, 1)
    (owner,) = await owners(own_settings, [image_id])
    await hit_on(cached_service, image_id, owner)
    redis_nodes[owner].kill()
    path = f"{API}/admin/cache/{image_id}"
    async with cached_service.get(path, headers=bearer(admin)) as answer:
        first, *others = (await answer.json())["nodes"]
    assert (first["node"], first["kind"]) == (owner, "no answer")
    assert {node["kind"] for node in others} <= {"nothing", "value", "lease"}
    _, text = await page(cached_service, f"{RING}?key={image_id}")
    assert "holds no answer" not in text
    assert await status_of(cached_service, path, method="DELETE", token=admin) == 204


async def test_invalidating_by_hand_is_as_good_as_a_write(cached_service, admin, own_settings):
    """Nothing is cached any more when the answer comes; the next read loads it anew."""
    (image_id,) = await some_pictures(cached_service, 1)
    (owner,) = await owners(own_settings, [image_id])
    await hit_on(cached_service, image_id, owner)
    path = f"{API}/admin/cache/image:{image_id}"
    assert await status_of(cached_service, path, method="DELETE", token=admin) == 204
    assert (await show(cached_service, image_id))[2]["X-Cache"] == "MISS"
    await hit_on(cached_service, image_id, owner)
    assert (await send(cached_service, "invalidate", key=image_id))[0] == 303
    async with cached_service.get(path, headers=bearer(admin)) as answer:
        assert {node["kind"] for node in (await answer.json())["nodes"]} == {"nothing"}


async def test_a_dead_and_a_frozen_node_are_shown_and_hold_nothing_up(cached_service, admin, redis_nodes):
    """Down with its cause, in the table, the sentence and the events; the page still answers."""
    redis_nodes["a"].kill()
    redis_nodes["b"].pause()

    async def seen() -> bool:
        states = {row["Node"][0]: row["State"][:2] for row in await rows_of(cached_service)}
        return states == {"a": "DN", "b": "DN", "c": "UN"}

    await until(seen)
    status, text = await page(cached_service)
    twin = await ring_json(cached_service, admin)
    rows = {row["Node"][0]: row for row in table(text, "ring-table")}
    assert status == 200
    assert sentence(text).startswith("1 of 3 nodes serving")
    assert rows["a"]["Memory"] == rows["b"]["Memory"] == "no answer"
    assert rows["a"]["State"].startswith("DN down: unreachable")
    assert text.count('fill="url(#look-down)"') == 4  # two nodes, each in the ring and in the legend
    assert [node["answers"] for node in twin["nodes"]] == [False, False, True]
    assert {"a", "b"} <= {event["node"] for event in twin["events"] if event["good"] is False}
    redis_nodes["b"].resume()
    redis_nodes["a"].restart()
    await until(lambda: healthy_again(cached_service))


async def healthy_again(service: Client) -> bool:
    """All three serve."""
    return sentence((await page(service))[1]).startswith("3 of 3 nodes serving")


async def test_one_node_owns_everything(start_service, own_settings, redis_nodes):
    """Its arc goes all the way round."""
    service = await start_service(redis_nodes=f"solo={redis_nodes['a'].address}")
    await administrator(service, own_settings)
    await healthy(service)
    _, text = await page(service)
    assert sentence(text).startswith("1 of 1 node serving · one node owns every key")
    (row,) = table(text, "ring-table")
    assert (row["Owns, exact"], row["Keys, sampled"]) == ("100.00%", "100.00%")
    assert len(re.findall(r'class="arc" d="M', text)) == 1


async def test_a_new_node_is_added_by_the_page(cached_service, admin, own_settings, new_redis_node):
    """Joining first, then ready; the events say so, and it gets what was announced."""
    fourth = new_redis_node("d")
    status, text = await send(cached_service, "plan", action="add", name="d", address=fourth.address, weight="1")
    assert status == 200
    assert "nobody reads it until it is made ready" in text
    announced = {row["Node"]: part(row["Then"]) for row in table(text, "ring-shares")}
    assert announced["d"] == pytest.approx(1 / 4, abs=0.005)
    version = (await ring_json(cached_service, admin))["version"]
    fields = {"action": "add", "name": "d", "address": fourth.address, "version": version, "typed": "d"}
    assert (await send(cached_service, "commit", **fields))[0] == 303

    async def joined() -> bool:
        rows = {row["Node"][0]: row["State"] for row in await rows_of(cached_service)}
        return rows.get("d") == "UJ joining, not read yet"

    await until(joined)
    assert "1 joining" in sentence((await page(cached_service))[1])
    await commit(cached_service, admin, "ready", "d")
    await until(lambda: four_serving(cached_service))
    rows = {row["Node"].split("unix:")[0]: row for row in await rows_of(cached_service)}
    assert {name: part(row["Owns, exact"]) for name, row in rows.items()} == announced
    ring = await placement(own_settings)
    sampled = Counter(ring.preference(f"image:{number}")[0] for number in range(10_000))
    assert {name: row["Keys, sampled"] for name, row in rows.items()} == {
        name: f"{count / 10_000:.2%}" for name, count in sampled.items()
    }
    whats = [event["cause"] for event in (await ring_json(cached_service, admin))["events"]]
    assert "d came" in whats


async def four_serving(service: Client) -> bool:
    """All four serve."""
    return sentence((await page(service))[1]).startswith("4 of 4 nodes serving")

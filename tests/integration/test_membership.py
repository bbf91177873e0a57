"""Nodes come and go while everything runs."""

import asyncio
from collections import Counter
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from chitram.adapters.database import Database
from chitram.adapters.images_sql import cache_key
from chitram.adapters.invalidation_log_sql import SqlInvalidationLog
from chitram.adapters.node_set_sql import SqlNodeSets
from chitram.adapters.tables import cache_clock, cache_log, images, users
from chitram.domain.node_set import Action, NodeChange
from tests.api import API, Client, bearer, healthy, register, show, status_of, thumbnails_ready, upload
from tests.pictures import picture
from tests.servers.service import node_list
from tests.waiting import until


@pytest.fixture
async def database(on_postgres):
    """The services' database."""
    opened = Database(on_postgres["database_url"])
    yield opened
    await opened.close()


@pytest.fixture
async def pair(start_service, on_postgres, redis_nodes) -> list[Client]:
    """Two services over the same database, storage and nodes."""
    options = {"redis_nodes": node_list(redis_nodes), **on_postgres}
    services = [await start_service(sole=False, **options) for _ in range(2)]
    for service in services:
        await healthy(service)
    return services


async def ring_hash(service: Client) -> str:
    """By which ring a process places keys."""
    async with service.get("/metrics") as answer:
        line = next(row for row in (await answer.text()).splitlines() if row.startswith("ring_info{"))
    return line.partition('hash="')[2].partition('"')[0]


class Traffic:
    """One service is written to, the other must show each write at once; both answer all the time."""

    def __init__(self, here: Client, there: Client, token: str, ids: list[str]) -> None:
        self._here, self._there, self._token, self._ids = here, there, token, ids
        self.stop = False
        self.by_node: Counter[str] = Counter()
        self.wrong: list[object] = []

    async def run(self) -> None:
        number = 0
        while not self.stop:
            number += 1
            await self._write_and_check(self._ids[number % len(self._ids)], f"title {number}")
            for image_id in self._ids:
                status, _, headers = await show(self._there, image_id)
                self.by_node[headers.get("X-Cache-Node", "")] += 1
                if status != 200:
                    self.wrong.append(status)

    async def _write_and_check(self, image_id: str, title: str) -> None:
        path = f"{API}/images/{image_id}"
        if await status_of(self._here, path, method="PATCH", json={"title": title}, token=self._token) != 200:
            self.wrong.append("patch")
        status, fields, headers = await show(self._there, image_id)
        if (status, fields.get("title")) != (200, title):
            self.wrong.append((status, fields, headers))


async def test_a_node_joins_serves_and_leaves_without_a_failed_or_stale_read(pair, database, new_redis_node):
    """Under readers and a writer; the other process sees each title at once, all the way through."""
    here, there = pair
    sets = SqlNodeSets(database)
    token = await register(here)
    ids = [(await upload(here, picture(size=(16, 16), seed=n), token=token))["id"] for n in range(24)]
    for image_id in ids:
        await thumbnails_ready(here, image_id)
    fourth = new_redis_node("d")
    traffic = Traffic(here, there, token, ids)
    busy = asyncio.create_task(traffic.run())
    await sets.commit(NodeChange(Action.ADD, "d", address=fourth.address), version=None)
    await sets.commit(NodeChange(Action.READY, "d"), version=None)
    await until(lambda: traffic.by_node["d"] > 20)
    await _serve_where_the_database_says(pair, database, ids)
    await sets.commit(NodeChange(Action.DRAIN, "a"), version=None)
    current = await sets.current()
    for service in pair:
        await until(partial(_has_ring, service, current.ring_hash), seconds=3)

    async def removed() -> bool:
        nodes = (await sets.current()).nodes
        if next(node for node in nodes if node.name == "a").since < 4:
            return False
        await sets.commit(NodeChange(Action.REMOVE, "a"), version=None)
        return True

    await until(removed)
    before = traffic.by_node.total()
    await until(lambda: traffic.by_node.total() > before + 100)
    traffic.stop = True
    await busy
    assert traffic.wrong == []


async def _serve_where_the_database_says(pair: list[Client], database: Database, ids: list[str]) -> None:
    """Both processes go by the ring that is stored, with the place that was chosen for the node that joined."""
    members = await SqlInvalidationLog(database).members()
    assert [node.name for node in members.nodes if node.seed] == ["d"]
    ring = members.ring()

    async def owned(service: Client, image_id: str) -> bool:
        return (await show(service, image_id))[2].get("X-Cache-Node") == ring.preference(cache_key(image_id))[0]

    for service in pair:
        assert await ring_hash(service) == ring.hash
        for image_id in ids:
            await until(partial(owned, service, image_id))


async def _has_ring(service: Client, expected: str) -> bool:
    return await ring_hash(service) == expected


async def test_after_a_restored_database_no_node_is_believed(pair, database, postgres):
    """The rows and the log go back in time; once a process has seen that, it never shows what the nodes hold of the
    later state. Each sees it by itself.
    """
    here, there = pair
    token = await register(here)
    fields = await upload(here, token=token)
    await thumbnails_ready(here, fields["id"])
    path = f"{API}/images/{fields['id']}"
    async with database.read() as connection:
        clock = (await connection.execute(select(cache_clock.c.head))).scalar_one()
    assert await status_of(here, path, method="PATCH", json={"title": "undone"}, token=token) == 200
    assert (await show(there, fields["id"]))[1]["title"] == "undone"
    assert (await show(there, fields["id"]))[2]["X-Cache"] == "HIT"
    async with database.write() as connection:
        await connection.execute(update(images).values(title="restored"))
        await connection.execute(update(cache_clock).values(head=clock))
        await connection.execute(delete(cache_log).where(cache_log.c.id > clock))
    await SqlNodeSets(database).renew()

    async def restored(service: Client) -> bool:
        return bool((await show(service, fields["id"]))[1]["title"] == "restored")

    for service in (there, here):
        await until(partial(restored, service), seconds=5)
    for service in (there, here):
        await until(partial(_is_hit, service, fields["id"]))
        assert await restored(service)


async def _is_hit(service: Client, image_id: str) -> bool:
    return (await show(service, image_id))[2]["X-Cache"] == "HIT"


async def test_the_admin_api_plans_and_commits(pair, database):
    """Only what was planned, only for administrators; to others there is nothing."""
    here, _ = pair
    token = await register(here)
    path = f"{API}/admin/ring"
    assert await status_of(here, path, token=token) == 404
    assert await status_of(here, path) == 404
    assert await status_of(here, path, method="POST", json={}, token=token) == 404
    async with database.write() as connection:
        await connection.execute(update(users).values(is_admin=True))
    async with here.get(path, headers=bearer(token)) as answer:
        ring = await answer.json()
    assert [node["name"] for node in ring["nodes"]] == ["a", "b", "c"]
    assert all(node["trusted"] for node in ring["live"])
    drain = {"action": "drain", "name": "a"}
    async with here.post(f"{path}/plan", json=drain, headers=bearer(token)) as answer:
        planned = await answer.json()
    assert (planned["version"], planned["after"].get("a", 0)) == (ring["version"], 0)
    stale = {**drain, "version": ring["version"] - 1}
    assert await status_of(here, path, method="POST", json=stale, token=token) == 409
    async with here.post(path, json={**drain, "version": ring["version"]}, headers=bearer(token)) as answer:
        assert answer.status == 200
        assert (await answer.json())["version"] == ring["version"] + 1
    joining = {"action": "add", "name": "d", "address": "127.0.0.1:1", "weight": 2.0}
    async with here.post(f"{path}/plan", json=joining, headers=bearer(token)) as answer:
        planned = await answer.json()
    for change in (joining, {"action": "ready", "name": "d"}):
        versioned = {**change, "version": (await _ring_of(here, token))["version"]}
        assert await status_of(here, path, method="POST", json=versioned, token=token) == 200
    shares = {node["name"]: node["share"] for node in (await _ring_of(here, token))["nodes"] if node["share"]}
    assert shares == planned["after"]
    assert abs(shares["d"] - 2 / 4) <= 0.005


async def _ring_of(service: Client, token: str) -> dict[str, Any]:
    """As an administrator sees it."""
    async with service.get(f"{API}/admin/ring", headers=bearer(token)) as answer:
        fields: dict[str, Any] = await answer.json()
        return fields

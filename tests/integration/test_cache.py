"""Metadata through the ring, seen from outside: real nodes, a real PostgreSQL, several processes' worth of services."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from chitram.adapters.images_sql import cache_key
from chitram.domain.identifiers import new_image_id
from ring import Membership, Options
from tests.api import API, Client, healthy, register, show, status_of, thumbnails_ready, upload
from tests.pictures import picture
from tests.servers.service import node_list
from tests.waiting import until


@pytest.fixture
async def pair(start_service, on_postgres, redis_nodes) -> tuple[Client, Client]:
    """Two services over the same database, storage and nodes."""
    services = [await start_service(sole=False, redis_nodes=node_list(redis_nodes), **on_postgres) for _ in range(2)]
    for service in services:
        await healthy(service)
    return services[0], services[1]


@asynccontextmanager
async def reading(service: Client, ids: list[str]) -> AsyncIterator[Counter[tuple[int, str]]]:
    """Read in a loop meanwhile; statuses with `X-Cache` are counted."""
    seen: Counter[tuple[int, str]] = Counter()
    stop = asyncio.Event()

    async def loop() -> None:
        while not stop.is_set():
            for image_id in ids:
                status, _, headers = await show(service, image_id)
                seen[status, headers["X-Cache"]] += 1

    readers = [asyncio.create_task(loop()) for _ in range(4)]
    try:
        yield seen
    finally:
        stop.set()
        await asyncio.gather(*readers)


async def some_images(service: Client, count: int) -> list[str]:
    """Upload and wait until nothing about them changes any more."""
    ids = [(await upload(service, picture(size=(16, 16), seed=n)))["id"] for n in range(count)]
    for image_id in ids:
        await thumbnails_ready(service, image_id)
    return ids


async def test_the_second_read_is_a_hit_with_the_node_s_name(cached_service):
    """And the same answer."""
    [image_id] = await some_images(cached_service, 1)
    _, first, _ = await show(cached_service, image_id)
    _, second, headers = await show(cached_service, image_id)
    assert headers["X-Cache"] == "HIT"
    assert headers["X-Cache-Node"] in {"a", "b", "c"}
    assert first == second


async def test_300_images_are_spread_over_three_nodes(cached_service, redis_nodes):
    """Each serves exactly those that it owns, as the answers and the node metrics say; of all ids that is between 28
    and 39 %. Of 300 random ones it is more or less than that by chance, once in ten times.
    """
    ring = Membership.of(node_list(redis_nodes)).ring()
    owned = Counter(ring.route(cache_key(new_image_id())) for _ in range(30_000))
    assert all(0.28 <= owned[node] / 30_000 <= 0.39 for node in redis_nodes), owned
    ids = await some_images(cached_service, 300)

    async def served() -> list[tuple[str, str]]:
        headers = [(await show(cached_service, image_id))[2] for image_id in ids]
        return [(one["X-Cache"], one["X-Cache-Node"]) for one in headers]

    async def everybody_serves_what_is_theirs() -> bool:
        return await served() == [("HIT", ring.route(cache_key(image_id))) for image_id in ids]

    await until(everybody_serves_what_is_theirs)
    nodes = Counter(ring.route(cache_key(image_id)) for image_id in ids)
    assert set(nodes) == set(redis_nodes)
    async with cached_service.get("/metrics") as answer:
        text = await answer.text()
    for node, count in nodes.items():
        line = next(
            row
            for row in text.splitlines()
            if row.startswith(f'ring_requests_total{{node="{node}",op="get",result="hit"')
        )
        assert float(line.split()[-1]) >= count


async def test_no_read_fails_while_nodes_die_and_return(cached_service, redis_nodes):
    """kill -9 of one, then of all three, under readers: answers go on, health says so, hits come back by themselves."""
    ids = await some_images(cached_service, 20)
    async with reading(cached_service, ids) as seen:
        await until(lambda: seen[200, "HIT"] > 100)
        redis_nodes["a"].kill()
        await healthy(cached_service, "degraded")
        before = seen[200, "HIT"]
        await until(lambda: seen[200, "HIT"] > before + 100)
        redis_nodes["b"].kill()
        redis_nodes["c"].kill()
        await until(lambda: seen[200, "DISABLED"] + seen[200, "MISS"] > 100)
        for node in redis_nodes.values():
            node.start()
        await healthy(cached_service)
        before = seen[200, "HIT"]
        await until(lambda: seen[200, "HIT"] > before + 100)
    assert {status for status, _ in seen} == {200}


async def test_a_frozen_node_holds_nobody_up(cached_service, redis_nodes):
    """SIGSTOP: reads go on with answers, and health does not hang."""
    ids = await some_images(cached_service, 10)
    async with reading(cached_service, ids) as seen:
        await until(lambda: seen[200, "HIT"] > 50)
        redis_nodes["b"].pause()
        await healthy(cached_service, "degraded")
        redis_nodes["b"].resume()
        await healthy(cached_service)
    assert {status for status, _ in seen} == {200}


async def test_a_change_is_seen_by_every_process_at_once(pair):
    """Cached by the other one a moment ago, or not."""
    here, there = pair
    token = await register(here)
    fields = await upload(here, token=token)
    await thumbnails_ready(here, fields["id"])
    for number in range(30):
        await show(there, fields["id"])
        change = {"title": f"title {number}"}
        path = f"{API}/images/{fields['id']}"
        assert await status_of(here, path, method="PATCH", json=change, token=token) == 200
        assert (await show(there, fields["id"]))[1]["title"] == change["title"]


async def test_a_deleted_picture_is_gone_for_every_process_even_after_a_node_was_away(pair, redis_nodes):
    """The node that held it misses the delete, comes back with it in memory, and still nobody is shown it."""
    here, there = pair
    token = await register(here)
    fields = await upload(here, token=token)
    path = f"{API}/images/{fields['id']}"
    await thumbnails_ready(here, fields["id"])
    await show(there, fields["id"])
    owner = redis_nodes[(await show(there, fields["id"]))[2]["X-Cache-Node"]]
    owner.pause()
    assert await status_of(here, path, method="DELETE", token=token) == 204
    assert await status_of(there, path) == 404
    owner.resume()
    for service in pair:
        await healthy(service)
        assert await status_of(service, path) == 404


async def test_hiding_a_picture_hides_it_everywhere(pair):
    """From public to private: the cached public copy serves nobody."""
    here, there = pair
    token = await register(here)
    fields = await upload(here, visibility="public", token=token)
    await thumbnails_ready(here, fields["id"])
    path = f"{API}/images/{fields['id']}"
    await show(there, fields["id"])
    assert (await show(there, fields["id"]))[2]["X-Cache"] == "HIT"
    assert await status_of(here, path, method="PATCH", json={"visibility": "private"}, token=token) == 200
    assert await status_of(there, path) == 404
    assert await status_of(there, path, token=token) == 200


async def test_it_starts_and_writes_without_any_node(start_service, redis_nodes):
    """Every node dead from the start: slower at first, never an error, and the nodes are taken in when they come."""
    for node in redis_nodes.values():
        node.kill()
    service = await start_service(redis_nodes=node_list(redis_nodes))
    fields = await upload(service)
    assert (await show(service, fields["id"]))[0] == 200
    async with service.get("/health") as answer:
        assert (answer.status, (await answer.json())["cache"]) == (200, "unavailable")
    for node in redis_nodes.values():
        node.start()
    await healthy(service)
    await show(service, fields["id"])
    assert (await show(service, fields["id"]))[2]["X-Cache"] == "HIT"


async def test_a_database_that_stops_is_503_and_hits_go_on(pair, postgres):
    """Cached pictures are still shown, marked STALE once nothing can be verified; everything else is a clear 503."""
    here, _ = pair
    fields = await upload(here)
    await thumbnails_ready(here, fields["id"])
    await show(here, fields["id"])
    postgres.stop()
    await healthy(here, "unhealthy")
    async with here.get(f"{API}/images") as answer:
        assert (answer.status, (await answer.json())["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0

    async def stale() -> bool:
        status, _, headers = await show(here, fields["id"])
        return (status, headers.get("X-Cache")) == (200, "STALE")

    await until(stale)
    assert await status_of(here, "/health/ready") == 503
    assert await status_of(here, "/health/live") == 200
    postgres.start()
    await healthy(here)
    assert await status_of(here, f"{API}/images") == 200


async def test_a_list_is_filled_from_the_cache(cached_service):
    """The second view of a page reads no picture from the database."""
    for number in range(12):
        await upload(cached_service, picture(size=(16, 16), seed=number), visibility="public")

    async def misses() -> float:
        async with cached_service.get("/metrics") as answer:
            rows = [row for row in (await answer.text()).splitlines() if row.startswith("ring_requests_total")]
        return sum(float(row.split()[-1]) for row in rows if 'result="miss"' in row)

    async def listed() -> list[str]:
        async with cached_service.get(f"{API}/images?limit=12") as answer:
            return [item["id"] for item in (await answer.json())["items"]]

    for image_id in await listed():
        await thumbnails_ready(cached_service, image_id)
    first = await listed()
    before = await misses()
    assert await listed() == first
    assert await misses() == before


async def test_reads_that_wait_for_the_database_cost_no_hits(start_service, on_postgres, redis_nodes):
    """The only connection for requests is taken; the nodes are still kept up to date, and believed."""
    few = {"db_pool_size": 1, "db_max_overflow": 0}
    service = await start_service(sole=False, redis_nodes=node_list(redis_nodes), **on_postgres, **few)
    await healthy(service)
    [image_id] = await some_images(service, 1)
    await show(service, image_id)
    outside = await asyncpg.connect(on_postgres["database_url"].replace("+asyncpg", ""))
    try:
        async with outside.transaction():
            await outside.execute("LOCK TABLE images IN ACCESS EXCLUSIVE MODE")
            waiting = asyncio.create_task(show(service, new_image_id()))
            ends = asyncio.get_running_loop().time() + 1.5 * Options().d_read
            while asyncio.get_running_loop().time() < ends:
                assert (await show(service, image_id))[2]["X-Cache"] == "HIT"
                await asyncio.sleep(0.05)
            assert not waiting.done()
        assert (await waiting)[0] == 404
    finally:
        await outside.close()

"""The ring page over HTTP: who sees it, what it refuses, and what it is without nodes."""

import re

import pytest

from chitram.embedded.chaos import NodeChaos
from tests.admin import HTML, RING, administrator, page, ring_json, send, sentence
from tests.api import API, bearer, register, status_of

POSTS = ("plan", "commit", "invalidate", "chaos")
HOSTILE = "\"><script>alert(1)</script>'<img src=x onerror=alert(1)>"


async def without_number(client, path, method="GET", **headers):
    """Status, headers and text of an answer, but for the request's number and the path that was asked for."""
    async with client.request(method, path, headers={**HTML, **headers}, allow_redirects=False) as answer:
        text = (await answer.text()).replace(answer.headers["X-Request-ID"], "number").replace(path, "path")
        kept = {name: value for name, value in answer.headers.items() if name not in {"X-Request-ID", "Date"}}
        kept.pop("Content-Length", None)  # the path is in the text
        return answer.status, kept, text


@pytest.fixture
async def administered(service, own_settings):
    """A service without nodes and its administrator's token."""
    return service, await administrator(service, own_settings)


@pytest.mark.parametrize("who", ["a stranger", "a user", "a wrong token"])
async def test_to_others_than_administrators_there_is_nothing(service, who):
    """To the byte what an unknown address answers, page, fragment and form alike."""
    headers = {"Authorization": "Bearer nonsense"} if who == "a wrong token" else {}
    if who == "a user":
        service.session.cookie_jar.update_cookies({"chitram_session": await register(service)}, service.make_url("/"))
    unknown = await without_number(service, "/admin/nowhere", **headers)
    assert unknown[0] == 404
    assert await without_number(service, RING, **headers) == unknown
    assert await without_number(service, f"{RING}/plan", **headers) == unknown
    posted = await without_number(service, "/admin/nowhere", "POST", **headers)
    for step in POSTS:
        assert await without_number(service, f"{RING}/{step}", "POST", **headers) == posted
    assert await without_number(service, RING, "PUT", **headers) == await without_number(
        service, "/admin/nowhere", "PUT", **headers
    )
    assert (await page(service, RING, **{"HX-Request": "true"}, **headers))[0] == 404
    assert "Cache ring" not in (await page(service, "/"))[1]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("who", ["a stranger", "a user", "a wrong token"])
async def test_the_api_is_not_there_for_others_either(service, who, method):
    """Whatever they try: neither a 401 nor a 405 says that an address exists."""
    token = await register(service) if who == "a user" else "nonsense" if who == "a wrong token" else None
    unknown = await without_number(service, f"{API}/admin/nowhere", method, **bearer(token))
    assert unknown[0] == 404
    for path in ("ring", "ring/plan", "cache/image:x"):
        assert await without_number(service, f"{API}/admin/{path}", method, **bearer(token)) == unknown


async def test_without_nodes_it_says_so_and_offers_the_way_to_one(service, own_settings):
    """No picture of nothing, no table, no dead buttons; planning the first node works."""
    token = await administrator(service, own_settings)
    status, text = await page(service)
    assert status == 200
    assert sentence(text) == "No nodes · the cache is off, every read goes to the database"
    assert "add a node below" in text
    assert "Change a weight" not in text
    assert (await ring_json(service, token))["nodes"] == []
    status, text = await send(service, "plan", action="add", name="a", address="127.0.0.1:1")
    assert status == 200
    assert "<strong>100.00%</strong> of the keys move" in text
    status, text = await page(service, f"{RING}?key=anything")
    assert "There is no node that could hold it." in text


async def test_the_menu_leads_administrators_to_it(service, own_settings):
    """And nobody else."""
    await administrator(service, own_settings)
    assert 'href="/admin/ring"' in (await page(service, "/"))[1]


async def test_it_holds_nothing_that_its_own_policy_would_block_and_is_not_stored(service, own_settings):
    """No style attribute, no inline script, no handler; an address may hold a password."""
    await administrator(service, own_settings)
    async with service.get(RING, headers=HTML) as answer:
        text = await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script>", text)


async def test_what_is_typed_is_escaped(service, own_settings):
    """In names, addresses and keys, refused or not."""
    await administrator(service, own_settings)
    async with service.get(RING, params={"key": HOSTILE}, headers=HTML) as answer:
        assert HOSTILE not in await answer.text()
    for name, address in ((HOSTILE, "h:1"), ("a", HOSTILE)):
        status, text = await send(service, "plan", action="add", name=name, address=address)
        assert status == 422
        assert HOSTILE not in text


@pytest.mark.parametrize(
    ("step", "fields", "status", "words"),
    [
        ("plan", {"action": "add", "name": "d"}, 422, "expected host:port"),
        ("plan", {"action": "add", "name": "d", "address": "foo:bar"}, 422, "expected host:port"),
        (
            "plan",
            {"action": "add", "name": "d", "address": "h:1", "weight": "heavy"},
            422,
            "Weight: Input should be a valid number",
        ),
        ("plan", {"action": "explode", "name": "d"}, 422, "Action: "),
        ("plan", {"action": "drain"}, 422, "Name: Field required."),
        ("plan", {"action": "drain", "name": "z"}, 404, "There is no node z"),
        ("commit", {"action": "drain", "name": "z", "typed": "z"}, 422, "Version: Input should be"),
        ("invalidate", {"key": " "}, 422, "1 to 200 printable characters"),
        ("invalidate", {"key": "x" * 201}, 422, "1 to 200 printable characters"),
        ("chaos", {"name": "a", "deed": "explode"}, 422, "kill"),
        ("chaos", {"name": "a", "deed": "kill"}, 404, ""),
    ],
)
async def test_a_mistake_is_explained_and_changes_nothing(administered, step, fields, status, words):
    """On the page, with what was entered."""
    service, token = administered
    before = (await ring_json(service, token))["version"]
    answered, text = await send(service, step, **fields)
    assert answered == status
    assert words in text
    assert (await ring_json(service, token))["version"] == before


async def test_where_nobody_counts_it_says_so(start_service, own_settings):
    """Rather than that nothing is read."""
    service = await start_service(redis_nodes="a=127.0.0.1:1", metrics_enabled=False)
    await administrator(service, own_settings)
    assert "reads are not counted (METRICS_ENABLED)" in sentence((await page(service))[1])


@pytest.mark.parametrize("key", ["%00", "x" * 201, "%20"])
async def test_a_key_that_cannot_be_is_refused(service, own_settings, key):
    """By the page and by the API."""
    token = await administrator(service, own_settings)
    assert (await page(service, f"{RING}?key={key}"))[0] == 422
    assert await status_of(service, f"{API}/admin/cache/{key}", token=token) == 422
    assert await status_of(service, f"{API}/admin/cache/{key}", method="DELETE", token=token) == 422


async def test_a_form_from_another_site_is_refused(service, own_settings):
    """The session's cookie is worth nothing there."""
    await administrator(service, own_settings)
    for step in POSTS:
        headers = {**HTML, "Sec-Fetch-Site": "cross-site"}
        assert await status_of(service, f"{RING}/{step}", method="POST", headers=headers, data={}) == 403


async def test_credentials_of_a_node_are_never_shown(start_service, own_settings):
    """Not in the page, its fragment, its twin or a plan's answer."""
    service = await start_service(redis_nodes="a=redis://me:hunter22@127.0.0.1:1/0")
    token = await administrator(service, own_settings)
    _, text = await page(service)
    _, fragment = await page(service, RING, **{"HX-Request": "true"})
    async with service.get(f"{API}/admin/ring", headers=bearer(token)) as answer:
        twin = await answer.text()
    _, planned = await send(service, "plan", action="drain", name="a")
    for said in (text, fragment, twin, planned):
        assert "hunter22" not in said
        assert "127.0.0.1:1" in said


async def test_in_production_nothing_can_be_broken(start_service, own_settings, redis_nodes):
    """Not even by a process that owns its nodes; in development such a process offers it."""
    chaos = NodeChaos(redis_nodes.values())
    strong = {"jwt_secret_key": "x" * 32}
    for env, status, offered in (("development", 303, True), ("production", 404, False)):
        service = await start_service(chaos=chaos, app_env=env, **strong)
        await administrator(service, own_settings, f"{env}@example.com")
        assert ("Break something" in (await page(service))[1]) == offered
        assert (await send(service, "chaos", name="a", deed="heal"))[0] == status


async def test_who_serves_from_somebody_elses_nodes_breaks_none(cached_service, own_settings, redis_nodes):
    """`chitram serve` owns no node."""
    await administrator(cached_service, own_settings)
    assert "Break something" not in (await page(cached_service))[1]
    assert (await send(cached_service, "chaos", name="a", deed="kill"))[0] == 404
    assert redis_nodes["a"].running

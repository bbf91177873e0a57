"""API keys over HTTP: making them, what each scope lets them do, and when they stop."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from chitram.adapters.api_keys_sql import SqlApiKeys
from chitram.adapters.database import Database
from chitram.adapters.tables import api_keys
from chitram.adapters.users_sql import SqlUsers
from chitram.domain.api_key import MAX_KEYS, Scope
from chitram.domain.errors import ServiceUnavailable
from chitram.handlers.routes import api_routes
from tests.admin import administrator
from tests.api import API, PASSWORD, api_key, bearer, refused, register, show, status_of, upload, upload_form
from tests.log_lines import Lines
from tests.pictures import picture
from tests.waiting import until

KEYS = f"{API}/users/me/keys"
ANN = {"email": "ann@example.com", "password": PASSWORD}


@pytest.fixture
async def database(own_settings):
    """The service's, for what cannot be done over HTTP."""
    opened = Database(str(own_settings["database_url"]))
    yield opened
    await opened.close()


async def problem(client, method: str, path: str, token: str, **options):
    """Status, code and sentence of a refusal."""
    async with client.request(method, path, headers=bearer(token), **options) as answer:
        assert answer.content_type == "application/problem+json", await answer.text()
        fields = await answer.json()
        return answer.status, fields["code"], fields["detail"]


async def listed(client, token: str):
    """The keys as their owner sees them."""
    async with client.get(KEYS, headers=bearer(token)) as answer:
        assert answer.status == 200
        return (await answer.json())["items"]


async def test_a_key_is_shown_once_and_listed_without_its_secret(service):
    """The only answer that has it is not to be stored by anybody."""
    token = await register(service)
    wanted = {"name": " laptop ", "scopes": ["read", "upload", "read"], "expires_in": 3600}
    async with service.post(KEYS, json=wanted, headers=bearer(token)) as answer:
        made = await answer.json()
        assert (answer.status, answer.headers["Cache-Control"]) == (201, "no-store")
    assert re.fullmatch(r"ctm_[0-9a-f]{48}", made.pop("key"))
    assert (made["name"], made["scopes"], made["last_used_at"]) == ("laptop", ["upload", "read"], None)
    assert datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"]) == timedelta(hours=1)
    async with service.get(KEYS, headers=bearer(token)) as answer:
        assert await answer.json() == {"items": [made], "next_cursor": None}
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, {"/name", "/scopes"}),
        ({"name": "", "scopes": []}, {"/name", "/scopes"}),
        ({"name": "x", "scopes": ["write"]}, {"/scopes/0"}),
        ({"name": "x", "scopes": ["admin"]}, {"/scopes"}),
        ({"name": "x", "scopes": "read"}, {"/scopes"}),
        ({"name": "x", "scopes": ["read"], "expires_in": 59}, {"/expires_in"}),
        ({"name": "x", "scopes": ["read"], "expires_in": 10**30}, {"/expires_in"}),
        ({"name": "x", "scopes": ["read"], "expires_in": "soon"}, {"/expires_in"}),
        ({"name": "x", "scopes": ["read"], "is_admin": True}, {"/is_admin"}),
        ({"name": "a\u0000b", "scopes": ["read"]}, {"/name"}),
    ],
)
async def test_a_wish_that_cannot_be_met_is_told_field_by_field(service, body, pointers):
    """And nothing is made."""
    token = await register(service)
    async with service.post(KEYS, json=body, headers=bearer(token)) as answer:
        fields = await answer.json()
    assert (answer.status, fields["code"]) == (422, "VALIDATION_ERROR")
    assert {error["pointer"] for error in fields["errors"]} == pointers
    assert await listed(service, token) == []


async def test_names_are_taken_once_and_keys_are_limited(service):
    """Both sentences say what to do next."""
    token = await register(service)
    await api_key(service, token, "read", name="0")
    again = {"name": "0", "scopes": ["upload"]}
    status, code, detail = await problem(service, "POST", KEYS, token, json=again)
    assert (status, code, "another name" in detail) == (409, "CONFLICT", True)
    for number in range(1, MAX_KEYS):
        await api_key(service, token, "read", name=f"{number}")
    status, code, detail = await problem(service, "POST", KEYS, token, json={**again, "name": "more"})
    assert (status, code) == (409, "CONFLICT")
    assert f"{MAX_KEYS} API keys" in detail
    assert "Revoke one first" in detail
    oldest = (await listed(service, token))[-1]
    assert await status_of(service, f"{KEYS}/{oldest['id']}", method="DELETE", token=token) == 204
    await api_key(service, token, "read", name="more")


async def test_a_revoked_key_is_refused_at_once_everywhere(start_service):
    """In the process that revoked it and in another one."""
    here, there = await start_service(), await start_service()
    token = await register(here)
    made = await api_key(here, token, "read")
    for client in (here, there):
        assert await status_of(client, f"{API}/users/me", token=made["key"]) == 200
    assert await status_of(there, f"{KEYS}/{made['id']}", method="DELETE", token=token) == 204
    for client in (here, there):
        assert (await problem(client, "GET", f"{API}/users/me", made["key"]))[:2] == (401, "UNAUTHORIZED")
    assert await status_of(here, f"{KEYS}/{made['id']}", method="DELETE", token=token) == 404


async def test_nobody_sees_or_revokes_somebody_elses_keys(service):
    """They are missing, as if they had never been."""
    ann, bob = await register(service), await register(service, "bob@example.com")
    made = await api_key(service, ann, "read")
    assert await listed(service, bob) == []
    assert await status_of(service, f"{KEYS}/{made['id']}", method="DELETE", token=bob) == 404
    assert await status_of(service, f"{API}/users/me", token=made["key"]) == 200
    for path in (f"{KEYS}/%00", f"{KEYS}/%ff", f"{KEYS}/%ED%A0%80", f"{KEYS}/{'x' * 3000}"):
        assert await status_of(service, path, method="DELETE", token=bob) == 404


async def test_a_key_does_with_its_scopes_what_its_owner_does(service):
    """Uploads are the owner's, private pictures are seen, deletion is deletion."""
    token = await register(service)
    keys = {scope: (await api_key(service, token, scope))["key"] for scope in ("upload", "read", "delete")}
    image = await upload(service, token=keys["upload"], visibility="private")
    assert image["delete_token"] is None
    assert (await show(service, image["id"], token=keys["read"]))[0] == 200
    assert (await show(service, image["id"]))[0] == 404
    for path in ("file", "thumbnail"):
        address = f"{API}/images/{image['id']}/{path}"
        assert await status_of(service, address, token=keys["read"]) in {200, 404}
        assert await status_of(service, address, token=keys["upload"]) == 403
    change = {"json": {"title": "Tea"}}
    assert await status_of(service, image["links"]["self"], method="PATCH", token=keys["upload"], **change) == 200
    async with service.get(f"{API}/users/me/images", headers=bearer(keys["read"])) as answer:
        assert [one["title"] for one in (await answer.json())["items"]] == ["Tea"]
    assert await status_of(service, image["links"]["self"], method="DELETE", token=keys["delete"]) == 204
    assert (await show(service, image["id"], token=token))[0] == 404


async def test_a_key_does_nothing_that_its_owner_may_not(service):
    """Somebody else's picture stays theirs, whatever the scopes."""
    ann, bob = await register(service), await register(service, "bob@example.com")
    key = (await api_key(service, bob, "upload", "read", "delete"))["key"]
    public = await upload(service, token=ann, visibility="unlisted")
    private = await upload(service, picture(seed=2), token=ann, visibility="private")
    assert await status_of(service, public["links"]["self"], method="DELETE", token=key) == 403
    assert await status_of(service, public["links"]["self"], method="PATCH", token=key, json={"title": "x"}) == 403
    for method in ("GET", "DELETE"):
        assert await status_of(service, private["links"]["self"], method=method, token=key) == 404


async def test_a_missing_scope_is_named_before_anything_is_read(service):
    """In the sentence and for programs; an upload costs no body."""
    token = await register(service)
    key = (await api_key(service, token, "read"))["key"]
    async with service.post(f"{API}/images/upload", data=upload_form(picture()), headers=bearer(key)) as answer:
        fields = await answer.json()
    assert (answer.status, fields["code"], fields["details"]) == (403, "FORBIDDEN", {"scope": "upload"})
    assert "'upload'" in fields["detail"]
    assert await refused(service, b"no form at all", token=key) == (403, "FORBIDDEN")
    assert (await listed(service, token))[0]["name"] == "read"


OPEN = {f"{API}/auth/register", f"{API}/auth/login", f"{API}/auth/token", f"{API}/images"}
"""Whoever asks, with whatever they show, gets an answer here: nobody is looked up."""
NEEDS = {
    "GET /auth/me": "read",
    "POST /auth/logout": None,
    "POST /auth/password": None,
    "GET /users/me": "read",
    "GET /users/me/images": "read",
    "GET /users/me/export": "read",
    "GET /users/me/keys": None,
    "POST /users/me/keys": None,
    "DELETE /users/me/keys/{id}": None,
    "POST /images/upload": "upload",
    "GET /images/{id}": "read",
    "PATCH /images/{id}": "upload",
    "DELETE /images/{id}": "delete",
    "GET /images/{id}/file": "read",
    "GET /images/{id}/thumbnail": "read",
    "GET /images/{id}/thumbnail/{size}": "read",
    "GET /images/{id}/thumbnails": "read",
    "GET /admin/ring": "admin",
    "POST /admin/ring/plan": "admin",
    "POST /admin/ring": "admin",
    "GET /admin/cache/{key}": "admin",
    "DELETE /admin/cache/{key}": "admin",
}


async def test_every_address_lets_keys_in_by_one_scope_or_not_at_all(service, own_settings):
    """An administrator's, so that nothing else stands in the way. What is not in the list refuses them, or has one."""
    token = await administrator(service, own_settings)
    service.session.cookie_jar.clear()
    keys = {scope.value: (await api_key(service, token, scope.value))["key"] for scope in Scope}
    found: dict[str, set[str]] = {}
    for route in api_routes():
        if route.path in OPEN or not route.path.startswith(API) or route.method == "*":
            continue
        path = re.sub(r"\{(\w+):.*\}", r"{\1}", route.path.removeprefix(API))
        address = f"{API}{path}".replace("{size}", "300").replace("{key}", "x").replace("{id}", "x")
        statuses = {
            name: await status_of(service, address, method=route.method, token=key) for name, key in keys.items()
        }
        found[f"{route.method} {path}"] = {name for name, status in statuses.items() if status != 403}
    assert {route: passing for route, passing in found.items() if len(passing) > 1} == {}
    assert {route: found[route] for route in NEEDS} == {route: {need} - {None} for route, need in NEEDS.items()}


async def test_no_key_touches_keys_the_password_or_the_session(service):
    """Whoever has found one cannot make it last."""
    token = await register(service)
    made = await api_key(service, token, "upload", "read", "delete")
    change = {"current_password": PASSWORD, "new_password": "another good one"}
    attempts = [
        ("GET", KEYS, None),
        ("POST", KEYS, {"name": "mine", "scopes": ["read"]}),
        ("DELETE", f"{KEYS}/{made['id']}", None),
        ("POST", f"{API}/auth/password", change),
        ("POST", f"{API}/auth/logout", None),
    ]
    for method, path, body in attempts:
        status, code, detail = await problem(service, method, path, made["key"], json=body)
        assert (status, code) == (403, "FORBIDDEN"), path
        assert "password" in detail
    assert await status_of(service, f"{API}/users/me", token=made["key"]) == 200
    assert await status_of(service, f"{API}/auth/login", method="POST", json=ANN) == 200


async def test_a_key_in_a_cookie_is_nobody(service):
    """A browser would send it for other sites too."""
    token = await register(service)
    key = (await api_key(service, token, "read"))["key"]
    cookie = {"Cookie": f"chitram_session={key}"}
    assert await status_of(service, f"{API}/users/me", headers=cookie) == 401
    image = await upload(service, token=token, visibility="private")
    assert await status_of(service, image["links"]["self"], headers=cookie) == 404


async def test_a_program_with_a_key_may_come_from_anywhere(service):
    """No browser sends a bearer token on its own, so there is nothing to forge."""
    key = (await api_key(service, await register(service), "upload"))["key"]
    headers = {**bearer(key), "Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    async with service.post(f"{API}/images/upload", data=upload_form(picture()), headers=headers) as answer:
        assert answer.status == 201


async def test_pages_are_for_people(service):
    """A key opens none, and its refusal is a page that says so."""
    key = (await api_key(service, await register(service), "upload", "read", "delete"))["key"]
    for method, path in (("GET", "/my-images"), ("GET", "/settings"), ("POST", "/settings/keys"), ("POST", "/upload")):
        async with service.request(method, path, headers={**bearer(key), "Accept": "text/html"}) as answer:
            assert (answer.status, "API key" in await answer.text()) == (403, True), path


async def test_a_disabled_accounts_keys_stop_at_once(service, database):
    """And work again when it may: to end them for good they are revoked."""
    token = await register(service)
    key = (await api_key(service, token, "read"))["key"]
    users = SqlUsers(database)
    await users.set_active("ann@example.com", active=False, now=datetime.now(UTC))
    assert (await problem(service, "GET", f"{API}/users/me", key))[:2] == (401, "UNAUTHORIZED")
    await users.set_active("ann@example.com", active=True, now=datetime.now(UTC))
    assert await status_of(service, f"{API}/users/me", token=key) == 200


async def test_a_key_survives_a_new_password_and_a_logout(service):
    """It is a secret of its own, with a list of its own to revoke it from."""
    token = await register(service)
    key = (await api_key(service, token, "read"))["key"]
    change = {"current_password": PASSWORD, "new_password": "another good one"}
    assert await status_of(service, f"{API}/auth/password", method="POST", json=change, token=token) == 200
    assert await status_of(service, f"{API}/users/me", token=key) == 200


async def test_an_expired_key_says_so(service, database):
    """With the code that clients know from tokens."""
    token = await register(service)
    key = (await api_key(service, token, "read", expires_in=60))["key"]
    assert await status_of(service, f"{API}/users/me", token=key) == 200
    async with database.write() as connection:
        await connection.execute(update(api_keys).values(expires_at=datetime.now(UTC)))
    status, code, detail = await problem(service, "GET", f"{API}/users/me", key)
    assert (status, code, "Create a new one" in detail) == (401, "TOKEN_EXPIRED", True)
    assert len(await listed(service, token)) == 1


@pytest.mark.parametrize(
    "wrong", ["ctm_", "ctm_x", f"ctm_{'0' * 48}", f"ctm_{'f' * 4000}", "ctm_చి", "ctm_%00", "CTM_0123456789"]
)
async def test_a_key_that_was_never_made_is_401(service, wrong):
    """However it is spelled; a public picture is refused to it too, as to any wrong token."""
    image = await upload(service, visibility="public")
    for path in (f"{API}/users/me", image["links"]["self"]):
        async with service.get(path, headers={"Authorization": f"Bearer {wrong}"}) as answer:
            assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer"), path


async def test_the_scope_for_administrators_needs_an_administrator(service, own_settings, database):
    """Others are told nothing, as everywhere; rights that are taken away are gone from keys too."""
    token = await administrator(service, own_settings)
    await administrator(service, own_settings, "bob@example.com")
    service.session.cookie_jar.clear()
    key, weak = [
        (await api_key(service, token, *scopes))["key"] for scopes in (("admin", "delete"), ("delete", "read"))
    ]
    theirs = [
        await upload(service, picture(seed=seed), token=await register(service, f"{seed}@example.com"))
        for seed in (1, 2)
    ]
    assert await status_of(service, f"{API}/admin/ring", token=key) == 200
    assert (await problem(service, "GET", f"{API}/admin/ring", weak))[2].count("'admin'") == 1
    assert await status_of(service, theirs[0]["links"]["self"], method="DELETE", token=weak) == 403
    assert await status_of(service, theirs[0]["links"]["self"], method="DELETE", token=key) == 204
    await SqlUsers(database).set_admin("ada@example.com", admin=False)
    for each in (key, weak):
        assert await status_of(service, f"{API}/admin/ring", token=each) == 404
    assert await status_of(service, theirs[1]["links"]["self"], method="DELETE", token=key) == 403


async def test_health_is_detailed_for_administrators_keys_alone(service, own_settings):
    """Every other key gets what a stranger gets."""
    token = await administrator(service, own_settings)
    service.session.cookie_jar.clear()
    for scope, detailed in (("admin", True), ("read", False)):
        key = (await api_key(service, token, scope))["key"]
        async with service.get("/health", headers=bearer(key)) as answer:
            assert (answer.status, "nodes" in await answer.json()) == (200, detailed)


async def test_the_last_use_is_noted_beside_the_request(service, monkeypatch):
    """Soon, by the minute, and at no price: a burst of requests is one write, and the next minute has none."""
    writes: list[int] = []
    write = SqlApiKeys.mark_used

    async def counted(store: SqlApiKeys, used: dict[str, datetime], **options: timedelta) -> None:
        await write(store, used, **options)
        writes.append(len(used))

    monkeypatch.setattr(SqlApiKeys, "mark_used", counted)
    monkeypatch.setattr("chitram.services.api_keys.PAUSE_SECONDS", 0.0)
    token = await register(service)
    first, second = [(await api_key(service, token, "read", name=name))["key"] for name in ("a", "b")]
    assert await status_of(service, f"{API}/users/me", token=first) == 200
    await until(lambda: bool(writes))
    noted = (await listed(service, token))[1]["last_used_at"]
    assert noted is not None
    await asyncio.gather(*(status_of(service, f"{API}/users/me", token=first) for _ in range(20)))
    assert await status_of(service, f"{API}/users/me", token=second) == 200
    await until(lambda: len(writes) == 2)
    assert writes == [1, 1]
    assert (await listed(service, token))[1]["last_used_at"] == noted


async def test_a_use_that_cannot_be_written_down_costs_no_request(service, logged: Lines, monkeypatch):
    """It is forgotten, and the next one is noted instead."""
    tried = asyncio.Event()

    async def away(*_arguments, **_options):
        tried.set()
        raise ServiceUnavailable

    monkeypatch.setattr("chitram.adapters.api_keys_sql.SqlApiKeys.mark_used", away)
    monkeypatch.setattr("chitram.services.api_keys.PAUSE_SECONDS", 0.0)
    key = (await api_key(service, await register(service), "read"))["key"]
    for _ in range(2):
        tried.clear()
        assert await status_of(service, f"{API}/users/me", token=key) == 200
        await asyncio.wait_for(tried.wait(), 10)
    assert not logged.events("a background job failed unexpectedly; starting it again")


async def test_whoever_shows_nothing_is_looked_up_nowhere(service, monkeypatch):
    """A public picture is read without a thought of keys."""
    image = await upload(service, visibility="public")

    async def never(*_arguments, **_options):
        raise AssertionError("a stranger was looked up")

    monkeypatch.setattr("chitram.services.api_keys.ApiKeys.session", never)
    monkeypatch.setattr("chitram.services.accounts.Accounts.session", never)
    for path in (image["links"]["self"], image["links"]["file"], f"{API}/images", "/"):
        assert await status_of(service, path) == 200


async def test_no_log_line_and_no_later_answer_holds_a_key(service, logged: Lines):
    """Made, used, misused, put where it does not belong, revoked."""
    token = await register(service)
    made = await api_key(service, token, "read")
    key = made["key"]
    answers = []
    for method, path in (
        ("GET", f"{API}/users/me"),
        ("GET", KEYS),
        ("POST", f"{API}/images/upload"),
        ("GET", f"{API}/images/{key}"),
        ("GET", f"/{key}?key={key}"),
    ):
        async with service.request(method, path, headers=bearer(key)) as answer:
            answers.append(await answer.text() + str(answer.headers))
    async with service.get(KEYS, headers=bearer(token)) as answer:
        answers.append(await answer.text())
    await status_of(service, f"{KEYS}/{made['id']}", method="DELETE", token=token)
    assert await status_of(service, f"{API}/users/me", token=key) == 401
    assert key[4:16] not in json.dumps(logged.text)
    assert key[4:16] not in "".join(answers)

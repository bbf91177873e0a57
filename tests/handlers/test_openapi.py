"""The description of the API: valid, complete, and true of what is really answered."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from chitram.domain.api_key import Scope
from chitram.domain.errors import EmailExists
from chitram.domain.quota import Usage
from chitram.handlers.openapi.document import addresses, operations
from chitram.handlers.present import user_fields
from chitram.handlers.routes import api_routes, probe_routes
from chitram.keys import DESCRIPTION, EXPORTS, UPLOADS
from chitram.services.uploads import UploadLimits
from tests.admin import administrator
from tests.api import API, PASSWORD, Client, bearer, register, status_of, thumbnails_ready, upload, upload_form
from tests.described import Seen, described, missing
from tests.pictures import picture
from tests.servers.service import node_list

LIMITS = UploadLimits(max_bytes=1, allowed_types=frozenset(), anonymous=True, concurrency=1, wait=1)
ROUTES = [*api_routes(), *probe_routes(metrics=True)]


async def document(service: Client) -> dict[str, Any]:
    """As it goes out."""
    async with service.get("/openapi.json") as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        found: dict[str, Any] = await answer.json()
        return found


async def test_it_is_a_valid_openapi_document(service):
    """Of version 3.1, with relative servers."""
    found = await document(service)
    validate(found, cls=OpenAPIV31SpecValidator)
    assert found["openapi"].startswith("3.1.")
    assert [server["url"] for server in found["servers"]] == ["/"]


@pytest.mark.parametrize("operation", [" ".join(place) for place in addresses(ROUTES)])
def test_every_route_is_described(operation):
    """By method and path."""
    assert operation in operations(LIMITS), missing(operation)


def test_everything_that_is_described_is_a_route():
    """Nothing stays behind when an address goes."""
    gone = set(operations(LIMITS)) - {" ".join(place) for place in addresses(ROUTES)}
    assert not gone, f"remove {gone} from src/chitram/handlers/openapi/: these are not in handlers/routes.py"


async def test_every_operation_says_what_a_reader_needs(service):
    """A summary, a name of its own, a known group, every variable of its address, and what is sent by name."""
    found = await document(service)
    items = [(path, item) for path, methods in found["paths"].items() for item in methods.values()]
    assert len({item["operationId"] for _, item in items}) == len(items)
    for path, item in items:
        assert item["summary"]
        assert set(item["tags"]) <= {tag["name"] for tag in found["tags"]}
        variables = {parameter["name"] for parameter in item.get("parameters", []) if parameter["in"] == "path"}
        assert all(f"{{{name}}}" in path for name in variables)
        assert len(variables) == path.count("{")
        assert all(name in found["components"]["securitySchemes"] for way in item["security"] for name in way)


async def test_every_example_is_an_example(service):
    """Of the schema that it stands in."""
    found = await document(service)
    checks = described(service.app[DESCRIPTION])
    for schema in _schemas(found):
        for example in schema.get("examples", []):
            assert not list(checks.invalid(schema, example)), (schema, example)
    for content in _contents(found["paths"]):
        for example in content.get("examples", {}).values():
            assert not list(checks.invalid(content["schema"], example["value"])), example


def _contents(paths: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in paths.values():
        for operation in item.values():
            for answer in operation["responses"].values():
                yield from answer.get("content", {}).values()


def _schemas(part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "examples" in part and isinstance(part["examples"], list):
            yield part
        for inner in part.values():
            yield from _schemas(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _schemas(inner)


async def test_what_is_switched_off_is_not_described(start_service):
    """Metrics, uploads without an account, types of pictures, and sizes."""
    service = await start_service(
        metrics_enabled=False, allow_anonymous_uploads=False, allowed_content_types="image/png", max_file_size_mb=1
    )
    found = await document(service)
    operation = found["paths"][f"{API}/images/upload"]["post"]
    file = operation["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]["file"]
    assert "/metrics" not in found["paths"]
    assert {} not in operation["security"]
    assert "1,048,576 bytes: image/png;" in file["description"]
    elsewhere = await document(await start_service(metrics_port=9999))
    assert "/metrics" not in elsewhere["paths"]
    assert {} in elsewhere["paths"][f"{API}/images/upload"]["post"]["security"]


async def test_it_is_asked_for_once(service):
    """Compressed, and 304 for whoever has it."""
    async with service.get("/openapi.json", headers={"Accept-Encoding": "gzip"}, auto_decompress=False) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(await answer.read()) == service.app[DESCRIPTION]
    known = {"If-None-Match": answer.headers["ETag"]}
    assert await status_of(service, "/openapi.json", headers=known) == 304


async def test_every_success_is_answered_as_described(start_service, own_settings, redis_nodes):
    """One walk through all operations; each answer is checked by the client itself (`tests/described.py`)."""
    service = await start_service(redis_nodes=node_list(redis_nodes))
    checks = described(service.app[DESCRIPTION])
    checks.seen.clear()
    await _accounts(service)
    await _pictures(service)
    await _administration(service, await administrator(service, own_settings))
    for probe in ("/health", "/health/live", "/health/ready", "/metrics"):
        assert await status_of(service, probe) == 200
    promised = {
        Seen(f"{method.upper()} {path}", int(status), None)
        for path, methods in checks.document["paths"].items()
        for method, item in methods.items()
        for status in item["responses"]
        if int(status) < 400
    }
    assert promised - checks.seen == set(), "described, but not in this walk: extend it"


async def _accounts(service: Client) -> None:
    token = await register(service, "walker@example.com")
    entered = {"email": "walker@example.com", "password": PASSWORD}
    form = {"username": "walker@example.com", "password": PASSWORD, "grant_type": "password"}
    assert await status_of(service, f"{API}/auth/login", method="POST", json=entered) == 200
    assert await status_of(service, f"{API}/auth/token", method="POST", data=form) == 200
    for path in ("/auth/me", "/users/me", "/users/me/images", "/users/me/export"):
        assert await status_of(service, API + path, token=token) == 200
    assert (await upload(service, token=token))["duplicate"] is False
    assert (await upload(service, token=token))["duplicate"] is True
    wanted = {"name": "laptop", "scopes": ["read"], "expires_in": 60}
    async with service.post(f"{API}/users/me/keys", json=wanted, headers=bearer(token)) as answer:
        key = await answer.json()
    assert await status_of(service, f"{API}/users/me/keys", token=token) == 200
    assert await status_of(service, f"{API}/users/me", token=key["key"]) == 200
    assert await status_of(service, f"{API}/users/me/keys/{key['id']}", method="DELETE", token=token) == 204
    change = {"current_password": PASSWORD, "new_password": "another good one"}
    async with service.post(f"{API}/auth/password", json=change, headers=bearer(token)) as answer:
        token = (await answer.json())["access_token"]
    assert await status_of(service, f"{API}/auth/logout", method="POST", token=token) == 204


async def _pictures(service: Client) -> None:
    token = await register(service, "painter@example.com")
    mine = await upload(service, picture(seed=1), token=token, visibility="public")
    await upload(service, picture(seed=2), token=token, visibility="public")
    await thumbnails_ready(service, mine["id"])
    assert await status_of(service, f"{API}/images?limit=1") == 200
    assert await status_of(service, mine["links"]["self"], method="HEAD") == 200
    short = mine["short_id"]
    sizes = (f"{mine['links']['self']}/thumbnail", f"{mine['links']['self']}/thumbnail/150", f"/t/{short}/600.webp")
    for path in (mine["links"]["self"], mine["links"]["file"], mine["links"]["direct"], *sizes):
        async with service.get(path) as answer:
            assert answer.status == 200
            etag = answer.headers["ETag"]
        assert await status_of(service, path, headers={"If-None-Match": etag}) == 304
        if path != mine["links"]["self"]:
            assert await status_of(service, path, headers={"Range": "bytes=0-9"}) == 206
            assert await status_of(service, path, headers={"Range": "bytes=99999999-"}) == 416
    assert await status_of(service, mine["links"]["thumbnails"]) == 200
    patch = {"title": "renamed"}
    assert await status_of(service, mine["links"]["self"], method="PATCH", json=patch, token=token) == 200
    assert await status_of(service, mine["links"]["self"], method="DELETE", token=token) == 204


async def _administration(service: Client, token: str) -> None:
    ring, image = f"{API}/admin/ring", (await upload(service, picture(seed=3), token=token))["id"]
    change = {"action": "add", "name": "new", "address": "127.0.0.1:1", "weight": 1.0}
    assert await status_of(service, ring, token=token) == 200
    for method, status in (("GET", 200), ("DELETE", 204)):
        assert await status_of(service, f"{API}/admin/cache/{image}", method=method, token=token) == status
    async with service.post(f"{ring}/plan", json=change, headers=bearer(token)) as answer:
        version = (await answer.json())["version"]
    assert await status_of(service, ring, method="POST", json={**change, "version": version}, token=token) == 200


async def test_every_kind_of_error_is_answered_as_described(start_service, own_settings, monkeypatch):
    """Each code at least once, of some operation; the other tests of this folder meet the rest."""
    service = await start_service(max_pixels=1000, max_file_size_mb=0.002, upload_concurrency_timeout=0)
    checks = described(service.app[DESCRIPTION])
    checks.seen.clear()
    small = picture(size=(10, 10))
    mine, other = await register(service), await register(service, "bob@example.com")
    owned = (await upload(service, small, token=mine))["links"]["self"]
    free = (await upload(service, small))["links"]["self"]
    await _tried(service, "POST", "/auth/register", json={"email": "ann@example.com", "password": PASSWORD})
    await _tried(service, "POST", "/auth/login", json={"email": "ann@example.com", "password": "wrong"})
    await _tried(service, "POST", "/auth/login", data=b"{")
    await _tried(service, "GET", "/auth/me")
    await _tried(service, "GET", "/images?limit=0")
    await _tried(service, "GET", "/images/nothing")
    await _tried(service, "GET", f"{owned}/thumbnail/7")
    await _tried(service, "PATCH", owned, json={"title": "x"}, headers=bearer(other))
    await _tried(service, "PATCH", owned, json={"title": "x"}, headers={**bearer(mine), "If-Match": '"0"'})
    await _tried(service, "DELETE", free)
    await _tried(service, "DELETE", free, headers={"X-Delete-Token": "wrong"})
    await _tried(service, "DELETE", free, headers={"Origin": "http://elsewhere.example"})
    await _tried(service, "POST", "/images/upload", data=upload_form(b"no picture"))
    await _tried(service, "POST", "/images/upload", data=upload_form(b"x" * 3000))
    await _tried(service, "POST", "/images/upload", data=upload_form(picture()))
    async with service.get(f"{API}/users/me", headers=bearer(mine)) as answer:
        me = await answer.json()
    async with service.app[EXPORTS].turn(me["id"]):
        await _tried(service, "GET", "/users/me/export", headers=bearer(mine))

    async def full(*_arguments: object) -> Usage:
        return Usage(used=1, quota=1)

    with monkeypatch.context() as patched:
        patched.setattr("chitram.adapters.quotas_sql.SqlQuotas.room", full)
        await _tried(service, "POST", "/images/upload", data=upload_form(small), headers=bearer(mine))
    admin = bearer(await administrator(service, own_settings))
    stale = {"action": "add", "name": "a", "address": "127.0.0.1:1", "version": 99}
    await _tried(service, "POST", "/admin/ring", json=stale, headers=admin)
    service.app[UPLOADS]._places._value = 0
    await _tried(service, "POST", "/images/upload", data=upload_form(small))

    async def broken(*_arguments: object, **_options: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("chitram.services.gallery.Gallery.public", broken)
    await _tried(service, "GET", "/images")
    met = {seen.code for seen in checks.seen if seen.code}
    codes = set(checks.document["components"]["schemas"]["Problem"]["properties"]["code"]["enum"])
    assert codes - met == {"METHOD_NOT_ALLOWED", "THUMBNAIL_NOT_READY", "TOKEN_EXPIRED", "USER_INACTIVE"}


async def _tried(service: Client, method: str, path: str, **options: Any) -> None:
    path = path if path.startswith(API) else API + path
    assert await status_of(service, path, method=method, **options) >= 400


async def test_every_api_key_is_refused_where_the_description_says_so(service, own_settings):
    """Each operation is tried with a key that has every scope but the one that it is said to need."""
    token = await administrator(service, own_settings)
    service.session.cookie_jar.clear()
    keys: dict[str | None, str] = {None: await _key(service, token, *Scope)}
    keys |= {scope: await _key(service, token, *set(Scope) - {scope}) for scope in Scope}
    for path, methods in (await document(service))["paths"].items():
        address = path.format(id="G7kKzVd2yw4y", ext="jpg", size=150, kind="webp", key="image:1")
        for method, operation in methods.items():
            ways = operation["security"]
            if not ways or {"apiKey": []} in ways:
                continue
            scope = next((way["apiKey"][0] for way in ways if "apiKey" in way), None)
            async with service.request(method, address, headers=bearer(keys[scope])) as answer:
                assert answer.status == 403, (method, path)
                assert (await answer.json())["details"] == ({"scope": scope} if scope else {}), (method, path)


async def _key(service: Client, token: str, *scopes: Scope) -> str:
    wanted = {"name": "without " + ", ".join(sorted(set(Scope) - set(scopes))), "scopes": scopes}
    async with service.post(f"{API}/users/me/keys", json=wanted, headers=bearer(token)) as answer:
        assert answer.status == 201
        return str((await answer.json())["key"])


async def test_an_answer_that_is_not_described_fails_the_test_that_met_it(service, monkeypatch):
    """With the place where it belongs: a new field, a field that is gone, a code, a header, a parameter."""
    fields = "chitram.handlers.api_accounts.user_fields"
    monkeypatch.setattr(fields, lambda user: {**user_fields(user), "quota": 1})
    with pytest.raises(AssertionError, match=r"'quota' was unexpected.* \(SignedIn in src/.*/account_schemas\.py\)"):
        await register(service)
    monkeypatch.setattr(fields, lambda user: {"id": user.id})
    with pytest.raises(AssertionError, match="'email' is a required property"):
        await register(service, "bob@example.com")
    with pytest.raises(AssertionError, match=r"\?colour= is not described"):
        await status_of(service, f"{API}/images?colour=red")
    monkeypatch.setattr("chitram.handlers.api_accounts.NOT_STORED", {"X-New": "1"})
    with pytest.raises(AssertionError, match=r"(?s)Cache-Control is missing.*the header X-New is not described"):
        await register(service, "eve@example.com")
    monkeypatch.setattr("chitram.services.gallery.ImageNotFound", EmailExists)
    with pytest.raises(AssertionError, match=r"answered 409 .*, which is not described: see src/.*/openapi/images\.py"):
        await status_of(service, f"{API}/images/nothing")


def test_a_route_without_a_description_is_told_where_it_belongs():
    """The nearest neighbour's file."""
    advice = missing(f"GET {API}/users/me/dreams")
    assert f"'GET {API}/users/me/dreams' to src/chitram/handlers/openapi/accounts.py" in advice

"""Accounts over HTTP."""

import asyncio
import base64
import json
from http.cookies import SimpleCookie

import pytest

from tests.api import API, PASSWORD, bearer, register, status_of, upload

ANN = {"email": "ann@example.com", "password": PASSWORD}


async def test_register_answers_with_a_user_and_a_token(service):
    """The token works at once."""
    async with service.post(f"{API}/auth/register", json={**ANN, "email": " Ann@Example.com "}) as answer:
        assert answer.status == 201
        body = await answer.json()
    assert body["token_type"] == "bearer"
    assert set(body["user"]) == {"id", "email", "is_active", "is_admin", "created_at"}
    assert body["user"]["email"] == "ann@example.com"
    for path in ("/auth/me", "/users/me"):
        async with service.get(f"{API}{path}", headers=bearer(body["access_token"])) as answer:
            assert await answer.json() == body["user"] | {"used_bytes": 0, "quota_bytes": None}


async def test_one_address_has_one_account_even_at_once(service):
    """The database decides a race; the loser gets 409, never 500."""
    again = {**ANN, "email": "ANN@example.com"}
    posts = [status_of(service, f"{API}/auth/register", method="POST", json=body) for body in (ANN, again, ANN)]
    assert sorted(await asyncio.gather(*posts)) == [201, 409, 409]


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"email": "ann", "password": PASSWORD}, {"/email"}),
        ({"email": "ann@example.com", "password": "short"}, {"/password"}),
        ({"email": "x", "password": "x" * 129}, {"/email", "/password"}),
        ({}, {"/email", "/password"}),
        ({"email": 7, "password": ["secret"]}, {"/email", "/password"}),
    ],
)
async def test_bad_values_are_named_and_not_repeated(service, body, pointers):
    """422 with a pointer for each, and no password in the answer."""
    async with service.post(f"{API}/auth/register", json=body) as answer:
        problem = await answer.json()
        assert (answer.status, problem["code"]) == (422, "VALIDATION_ERROR")
        assert {error["pointer"] for error in problem["errors"]} == pointers
        assert "secret" not in json.dumps(problem)
        assert PASSWORD not in json.dumps(problem)


async def test_a_long_password_counts_whole(service):
    """Beyond 72 bytes too."""
    long = "చిత్రం" * 20
    body = {"email": "ann@example.com", "password": long}
    assert await status_of(service, f"{API}/auth/register", method="POST", json=body) == 201
    assert await status_of(service, f"{API}/auth/login", method="POST", json=body) == 200
    assert await status_of(service, f"{API}/auth/login", method="POST", json={**body, "password": long[:-1]}) == 401


async def test_unknown_and_wrong_are_told_alike(service):
    """The same bytes but for the request's number; the work is the same too (see the password adapter's test)."""
    await register(service)
    answers = []
    for email in ("ann@example.com", "nobody@example.com"):
        async with service.post(f"{API}/auth/login", json={"email": email, "password": "wrong password"}) as answer:
            body = await answer.json()
            answers.append((answer.status, body.pop("instance") and body))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401


async def test_the_oauth_form(service):
    """As Swagger UI sends it."""
    await register(service)
    form = {"username": "ann@example.com", "password": PASSWORD, "grant_type": "password"}
    async with service.post(f"{API}/auth/token", data=form) as answer:
        assert answer.status == 200
        body = await answer.json()
    assert set(body) == {"access_token", "token_type"}
    assert await status_of(service, f"{API}/auth/me", token=body["access_token"]) == 200
    async with service.post(f"{API}/auth/token", data={**form, "password": "no"}) as answer:
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


async def test_logout_revokes_the_token_at_once(service):
    """In every process: the revocation is in the database."""
    token, other = await register(service), await register(service, "bob@example.com")
    assert await status_of(service, f"{API}/auth/logout", method="POST", token=token) == 204
    assert await status_of(service, f"{API}/auth/me", token=token) == 401
    assert await status_of(service, f"{API}/auth/me", token=other) == 200


async def test_a_new_password_ends_every_session(service):
    """The old tokens and the old password are worthless, the new token and password work."""
    first = await register(service)
    async with service.post(f"{API}/auth/login", json=ANN) as answer:
        second = (await answer.json())["access_token"]
    change = {"current_password": PASSWORD, "new_password": "another good one"}
    wrong = {**change, "current_password": "no"}
    assert await status_of(service, f"{API}/auth/password", method="POST", json=wrong, token=first) == 401
    async with service.post(f"{API}/auth/password", json=change, headers=bearer(first)) as answer:
        assert answer.status == 200
        fresh = (await answer.json())["access_token"]
    assert [await status_of(service, f"{API}/auth/me", token=t) for t in (first, second, fresh)] == [401, 401, 200]
    assert await status_of(service, f"{API}/auth/login", method="POST", json=ANN) == 401


def _forged(token: str, header: dict[str, str]) -> str:
    spelled = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return ".".join([spelled, token.split(".")[1], "" if header["alg"] == "none" else token.split(".")[2]])


async def test_a_token_that_was_not_issued_here_is_401(service):
    """Another algorithm, another signature, nonsense."""
    token = await register(service)
    bad = [
        _forged(token, {"alg": "none"}),
        _forged(token, {"alg": "HS512"}),
        token[:-4] + "AAAA",
        token.replace(".", "", 1),
        "x",
        "a.b.c",
    ]
    for forged in bad:
        async with service.get(f"{API}/auth/me", headers=bearer(forged)) as answer:
            assert (answer.status, (await answer.json())["code"]) == (401, "UNAUTHORIZED"), forged
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert await status_of(service, f"{API}/auth/me", headers={"Authorization": "Basic eDp5"}) == 401


async def test_an_expired_token_says_so(start_service):
    """With a code of its own, so that a client can sign in again."""
    from datetime import UTC, datetime, timedelta  # noqa: PLC0415  only here

    from chitram.adapters.tokens import JwtTokens  # noqa: PLC0415  only here

    service = await start_service(jwt_secret_key="x" * 32)
    token = JwtTokens("x" * 32, lifetime=timedelta(seconds=-1)).issue("somebody", at=datetime.now(UTC))
    async with service.get(f"{API}/auth/me", headers=bearer(token)) as answer:
        assert (answer.status, (await answer.json())["code"]) == (401, "TOKEN_EXPIRED")


async def test_the_browser_session_is_out_of_reach_of_scripts(service):
    """HttpOnly, SameSite, whole site; gone after the logout."""
    await register(service)
    async with service.post("/login", data=ANN, allow_redirects=False) as answer:
        assert answer.status == 303
        cookie = SimpleCookie(answer.headers["Set-Cookie"])["chitram_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["max-age"]) == (True, "Lax", "/", "86400")
    assert await status_of(service, f"{API}/auth/me") == 200
    assert await status_of(service, "/logout", method="POST") == 303
    assert await status_of(service, f"{API}/auth/me", headers={"Cookie": f"chitram_session={cookie.value}"}) == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)
async def test_another_site_cannot_use_the_session(service, headers):
    """An unsafe request that a browser sends from elsewhere is 403, whatever it carries."""
    await register(service)
    await status_of(service, "/login", method="POST", data=ANN)
    async with service.post(f"{API}/auth/logout", headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (403, "CSRF_FAILED")
    assert await status_of(service, f"{API}/auth/me") == 200


async def test_a_program_with_a_token_may_come_from_anywhere(service):
    """A bearer token is never sent by a browser on its own."""
    token = await register(service)
    headers = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site"}
    assert await status_of(service, f"{API}/auth/logout", method="POST", token=token, headers=headers) == 204


async def test_a_stale_cookie_is_nobody_and_no_error(service):
    """A visitor with an old cookie still sees the gallery and may upload."""
    headers = {"Cookie": "chitram_session=old.old.old"}
    assert await status_of(service, f"{API}/images", headers=headers) == 200
    assert await status_of(service, "/", headers=headers) == 200
    await upload(service)

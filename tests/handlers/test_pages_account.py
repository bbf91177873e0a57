"""Logging in and out through forms; the session's end; the theme."""

import pytest

from tests.api import PASSWORD, register, status_of
from tests.handlers.test_pages import HTML, HTMX, get, sign_in

ANN = {"email": "ann@example.com", "password": PASSWORD}
ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "javascript:alert(1)",
    "evil.example",
    "/x\r\nSet-Cookie: a=b",
    "",
)


async def post(client, path, **data):
    """Send a form; the status, the location and the text of the answer."""
    async with client.post(path, data=data, headers=HTML, allow_redirects=False) as answer:
        return answer.status, answer.headers.get("Location"), await answer.text()


async def test_register_log_out_log_in(service):
    """Each starts or ends the session and leads on."""
    assert (await post(service, "/register", **ANN))[:2] == (303, "/my-images?notice=welcome")
    assert "ann@example.com" in await get(service, "/my-images")
    assert (await post(service, "/logout"))[:2] == (303, "/?notice=goodbye")
    await get(service, "/my-images", status=303)
    assert (await post(service, "/login", **ANN, next="/upload"))[:2] == (303, "/upload")
    assert "ann@example.com" in await get(service, "/upload")


async def test_logging_out_revokes_the_token_itself(service):
    """A copy of the cookie is worth nothing afterwards."""
    token = await sign_in(service)
    await post(service, "/logout")
    assert await status_of(service, "/api/v1/auth/me", token=token) == 401


@pytest.mark.parametrize("target", ELSEWHERE)
async def test_no_form_leads_to_another_site(service, target):
    """Whatever stands in `next`, the visitor stays here."""
    await register(service)
    assert (await post(service, "/login", **ANN, next=target))[:2] == (303, "/")
    assert (await post(service, "/theme", theme="dark", next=target))[:2] == (303, "/")
    eve = {"email": "eve@example.com", "password": PASSWORD}
    assert (await post(service, "/register", **eve, next=target))[:2] == (303, "/my-images?notice=welcome")


async def test_a_refused_login_shows_the_address_again_and_never_the_password(service):
    """With one sentence that fits an unknown address and a wrong password alike."""
    await register(service)
    texts = set()
    for email in ("ann@example.com", "bob@example.com"):
        status, _, text = await post(service, "/login", email=email, password="a wrong guess", next="/upload")
        assert status == 401
        assert f'value="{email}"' in text
        assert 'name="next" value="/upload"' in text
        assert "a wrong guess" not in text
        texts.add(text.replace(email, "…").partition("<main")[2].partition("</main>")[0])
    assert len(texts) == 1


async def test_what_is_wrong_with_a_registration_stands_at_each_field(service):
    """Both at once, tied to their inputs."""
    status, _, text = await post(service, "/register", email="ann", password="hush#7")
    assert status == 422
    for field in ("email", "password"):
        assert f'id="e-{field}"' in text
        assert f'aria-describedby="e-{field}' in text
    assert "hush#7" not in text


async def test_an_address_that_is_taken_is_said_at_its_field(service):
    """409, and the form again."""
    await register(service)
    status, _, text = await post(service, "/register", **ANN)
    assert status == 409
    assert 'id="e-email"' in text


@pytest.mark.parametrize("email", ["\0", "a@b.c\0d", "x" * 5000, "చిత్రం@example.com"])
async def test_strange_input_is_a_form_again(service, email):
    """Never a crash."""
    for path in ("/login", "/register"):
        status, _, _ = await post(service, path, email=email, password="a wrong guess")
        assert status in {303, 400, 401, 422}


async def test_a_page_that_needs_a_session_leads_to_the_login_and_back(service):
    """By a redirect; inside a page HTMX is told to go there."""
    async with service.get("/my-images?cursor=x", headers=HTML, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/login?next=%2Fmy-images%3Fcursor%3Dx")
    async with service.get("/my-images", headers=HTMX, allow_redirects=False) as answer:
        assert answer.headers["HX-Redirect"] == "/login?next=%2Fmy-images"
    assert 'name="next" value="/my-images"' in await get(service, "/login?next=%2Fmy-images")


async def test_a_stale_cookie_is_a_visitor_and_not_an_error(service):
    """A session that has ended shows the public pages as to a stranger."""
    service.session.cookie_jar.update_cookies({"chitram_session": "nonsense"}, service.make_url("/"))
    assert "Log in" in await get(service, "/")


async def test_the_chosen_theme_is_written_into_the_document(service):
    """Rendered by the server, so that nothing flashes; anything else means the system's."""
    assert "data-theme" not in (await get(service, "/login")).partition(">")[2].partition(">")[0]
    await post(service, "/theme", theme="dark", next="/login")
    assert '<html lang="en" data-theme="dark">' in await get(service, "/login")
    await post(service, "/theme", theme="system")
    assert '<html lang="en">' in await get(service, "/login")
    service.session.cookie_jar.update_cookies({"chitram_theme": '"><script>'}, service.make_url("/"))
    assert '<html lang="en">' in await get(service, "/login")

"""Pages over HTTP: what they show, to whom, and what they never do."""

import re
from html import unescape

import pytest

from chitram.domain.errors import ServiceUnavailable
from chitram.services.gallery import Gallery
from tests.api import API, bearer, register, status_of, thumbnails_ready, upload, upload_form
from tests.pictures import picture

HTML = {"Accept": "text/html,application/xhtml+xml"}
HTMX = {"HX-Request": "true"}
HOSTILE = "\"><script>alert(1)</script>'<img src=x onerror=alert(1)>[x](y)"


async def get(client, path, *, status=200, headers=HTML, **options):
    """The text of a page that answers with *status*."""
    async with client.get(path, headers=headers, allow_redirects=False, **options) as answer:
        assert answer.status == status, path
        return await answer.text()


async def sign_in(client, email="ann@example.com"):
    """Register, and carry the session's cookie from now on."""
    token = await register(client, email)
    client.session.cookie_jar.update_cookies({"chitram_session": token}, client.make_url("/"))
    return token


async def test_every_page_answers_a_stranger(service):
    """All of them stand in the same shell and forbid foreign scripts."""
    for path in ("/", "/upload", "/login", "/register"):
        async with service.get(path, headers=HTML) as answer:
            text = await answer.text()
        assert answer.status == 200
        assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
        assert "no-cache" in answer.headers["Cache-Control"]
        assert '<main id="main"' in text


async def test_pages_hold_nothing_that_their_own_policy_would_block(service):
    """No style attribute, no inline script or handler, no address of another host."""
    await sign_in(service)
    image = await upload(service, title="Tea", visibility="public")
    for path in ("/", "/upload", "/my-images", "/settings", f"/image/{image['id']}"):
        text = await get(service, path)
        assert not re.search(r"\sstyle=|\son[a-z]+=|<style|<script>", text), path
        hosts = set(re.findall(r'(?:src|href|srcset)="https?://([^/"]+)', text))
        assert hosts <= {service.make_url("/").authority}, path


async def test_an_empty_gallery_invites(service):
    """The first visitor is told what to do."""
    text = await get(service, "/")
    assert "No public pictures yet" in text
    assert 'href="/upload"' in text


async def test_only_public_pictures_are_in_the_gallery(service):
    """Unlisted and private ones are not, not even for their owner."""
    token = await register(service)
    for number, visibility in enumerate(("public", "unlisted", "private")):
        await upload(service, picture(seed=number), token=token, visibility=visibility, title=f"{visibility} one")
    text = await get(service, "/")
    assert "public one" in text
    assert "unlisted one" not in text
    assert "private one" not in text


async def test_a_page_of_the_gallery_and_its_fragment_share_an_address(service):
    """A browser gets the page, HTMX the tiles; caches are told what the answer depends on."""
    for number in range(25):
        await upload(service, picture(seed=number), visibility="public")
    page = await get(service, "/")
    (link,) = set(re.findall(r'hx-get="([^"]+)"', page))
    assert page.count('class="tile ') == 24
    fragment = await get(service, unescape(link), headers=HTMX)
    assert fragment.count('class="tile ') == 1
    assert "<html" not in fragment
    assert "hx-get" not in fragment
    async with service.get(link) as answer:
        assert "HX-Request" in answer.headers["Vary"]


async def test_a_public_picture_introduces_itself_to_other_sites(service):
    """Open Graph tags with absolute addresses; search engines may index it."""
    image = await upload(service, title="Tea", visibility="public")
    await thumbnails_ready(service, image["id"])
    text = await get(service, f"/i/{image['short_id']}")
    origin = str(service.make_url("/")).rstrip("/")
    assert f'<meta property="og:url" content="{origin}/i/{image["short_id"]}">' in text
    assert f'<meta property="og:image" content="{origin}/t/{image["short_id"]}/600.jpg">' in text
    assert "noindex" not in text


async def test_an_unlisted_picture_is_not_indexed(service):
    """Whoever has the link sees it; no search engine keeps it."""
    image = await upload(service)
    assert '<meta name="robots" content="noindex">' in await get(service, f"/image/{image['id']}")


async def test_a_private_picture_of_another_user_is_a_missing_page(service):
    """The page does not tell it from one that never was."""
    token = await register(service)
    image = await upload(service, token=token, visibility="private", title="Secret tea")
    for path in (f"/image/{image['id']}", f"/i/{image['short_id']}", f"/image/{image['id']}/links"):
        assert "Secret tea" not in await get(service, path, status=404)
        assert await status_of(service, path, token=token) == 200


async def test_hostile_words_are_only_words(service):
    """Titles and file names are escaped in text, attributes and in each copy format."""
    data = picture()
    image = await upload(service, data, title=HOSTILE, name="<b>&quot;.png", visibility="public")
    for path in ("/", f"/image/{image['id']}", f"/image/{image['id']}/links"):
        text = await get(service, path)
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    links = await get(service, f"/image/{image['id']}/links")
    values = [unescape(value) for value in re.findall(r'readonly value="([^"]*)"', links)]
    assert [v for v in values if v.startswith("![")] == [
        f"![{HOSTILE.replace('[', '(').replace(']', ')')}]({service.make_url('/i/')}{image['short_id']}.png)"
    ]
    assert not any("<script>" in value for value in values if value.startswith("<a"))


async def test_the_plain_form_shows_the_delete_token_once(service):
    """The answer holds it and is kept by no cache; the picture's page does not hold it."""
    async with service.post("/upload", data=upload_form(picture()), headers=HTML) as answer:
        text = await answer.text()
        assert answer.status == 201
        assert answer.headers["Cache-Control"] == "no-store"
    (token,) = re.findall(r'<code id="token">([\w-]{43})</code>', text)
    (page,) = re.findall(r'class="button" href="(/image/[\w-]+)"', text)
    assert token not in await get(service, page)
    answer = await service.post(f"{page}/delete", data={"delete_token": token}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/?notice=deleted")
    await get(service, page, status=404)


@pytest.mark.parametrize(("token", "words"), [("", "delete token is needed"), ("x" * 43, "not the right one")])
async def test_a_wrong_delete_token_is_said_at_its_field(service, token, words):
    """The picture's page comes back, with the reason tied to the input and never the token that was tried."""
    image = await upload(service)
    data = {"delete_token": token}
    async with service.post(f"/image/{image['id']}/delete", data=data, headers=HTML) as answer:
        text = await answer.text()
        assert answer.status == 403
    assert 'aria-describedby="e-delete_token' in text
    assert words in text
    assert "x" * 43 not in text


async def test_a_refused_edit_keeps_what_was_entered(service):
    """Too long a title comes back in its field with the reason, and nothing is changed."""
    await sign_in(service)
    image = await upload(service, title="Tea")
    entered = {"title": "t" * 201, "visibility": "public"}
    async with service.post(f"/image/{image['id']}", data=entered, headers=HTML) as answer:
        text = await answer.text()
        assert answer.status == 422
    assert f'value="{"t" * 201}"' in text
    assert "Use 1 to 200 characters." in text
    assert '<option value="public" selected>' in text
    assert "<h1" in text
    assert ">Tea</bdi>" in text


async def test_an_owner_edits_and_deletes(service):
    """Both end with a redirect, so that a reload repeats nothing."""
    await sign_in(service)
    image = await upload(service, title="Tea")
    path = f"/image/{image['id']}"
    answer = await service.post(path, data={"title": "Coffee", "visibility": "private"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, f"{path}?notice=saved")
    text = await get(service, "/my-images")
    assert "Coffee" in text
    assert "Private" in text
    answer = await service.post(f"{path}/delete", data={"next": "/my-images"}, allow_redirects=False)
    assert (answer.status, answer.headers["Location"]) == (303, "/my-images?notice=deleted")
    assert "No pictures yet" in await get(service, "/my-images?notice=deleted")


async def test_another_user_gets_no_tools_and_no_delete(service):
    """The page shows them no form, and a forged one is refused."""
    image = await upload(service, token=await register(service), visibility="public")
    await sign_in(service, "eve@example.com")
    text = await get(service, f"/image/{image['id']}")
    assert "Delete for good" not in text
    assert f'action="/image/{image["id"]}' not in text
    async with service.post(f"/image/{image['id']}/delete", data={}, headers=HTML) as answer:
        assert answer.status == 403
        assert "This is not yours to change" in await answer.text()
    assert await status_of(service, f"{API}/images/{image['id']}") == 200


async def test_a_form_from_another_site_is_refused(service):
    """The session's cookie is worth nothing there."""
    await sign_in(service)
    image = await upload(service)
    foreign = {**HTML, "Sec-Fetch-Site": "cross-site"}
    for path in (f"/image/{image['id']}/delete", "/logout", "/upload", "/theme"):
        assert await status_of(service, path, method="POST", headers=foreign) == 403
    assert "My pictures" in await get(service, "/my-images")


async def test_where_strangers_may_not_upload_the_form_is_not_shown(start_service):
    """The drop zone becomes an invitation to log in, and a forged form leads there too."""
    service = await start_service(allow_anonymous_uploads=False)
    for path in ("/", "/upload"):
        text = await get(service, path)
        assert "Log in to upload" in text
        assert 'type="file"' not in text
    async with service.post("/upload", data=upload_form(picture()), headers=HTML) as answer:
        assert answer.status == 401
        assert 'href="/login"' in await answer.text()


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [(b"", 400, "The file is empty"), (b"not a picture", 415, "not a picture"), (b"x" * 300_000, 413, "larger than")],
)
async def test_a_refused_file_is_explained_in_the_form(start_service, data, status, words):
    """The upload page comes back with the reason in it."""
    service = await start_service(max_file_size_mb=0.2)
    async with service.post("/upload", data=upload_form(data), headers=HTML) as answer:
        text = await answer.text()
    assert answer.status == status
    assert words in text
    assert 'type="file"' in text


async def test_errors_are_pages_for_people_fragments_for_htmx_and_json_for_programs(service, monkeypatch):
    """The same failure three times; each names what to do next, and when."""

    async def unreachable(*_args):
        raise ServiceUnavailable(retry_after=7)

    monkeypatch.setattr(Gallery, "public", unreachable)
    for headers, words in ((HTML, "Back in a moment"), (HTMX, 'role="alert"'), ({}, "SERVICE_UNAVAILABLE")):
        async with service.get("/?cursor=abc", headers=headers) as answer:
            text = await answer.text()
        assert answer.status == 503
        assert answer.headers["Retry-After"] == "7"
        assert words in text
        assert ("/?cursor=abc" in text) == (headers != {})
        assert ("<html" in text) == (headers == HTML)


async def test_an_error_page_names_the_request(service):
    """So that an operator finds it in the log."""
    async with service.get("/nowhere", headers=HTML) as answer:
        assert answer.headers["X-Request-ID"] in await answer.text()


@pytest.mark.parametrize("path", ["/?cursor=%00", "/?cursor=zzz", "/my-images?cursor=zzz"])
async def test_a_made_up_cursor_is_an_error_page(service, path):
    """Not a crash, not an empty list."""
    await sign_in(service)
    await get(service, path, status=422)


async def test_the_rest_api_is_not_answered_with_pages(service):
    """A browser that opens an address of the API sees what programs see."""
    async with service.get(f"{API}/images/nothing", headers=HTML) as answer:
        assert answer.content_type == "application/problem+json"


async def test_a_bearer_token_opens_pages_too(service):
    """Programs may read pages as their user."""
    token = await register(service)
    assert "My pictures" in await get(service, "/my-images", headers={**HTML, **bearer(token)})

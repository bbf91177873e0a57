"""The settings page over HTTP: API keys through plain forms."""

import asyncio
import base64
import json
import re
import subprocess
from html import unescape

import pytest

from tests.admin import administrator
from tests.api import API, api_key, register, status_of, upload_form
from tests.handlers.test_pages import HOSTILE, HTML, get, sign_in
from tests.pictures import picture


async def create(client, **fields: str) -> tuple[int, str, dict[str, str]]:
    """Send the form for a key: status, text and headers of the answer."""
    async with client.post("/settings/keys", data=fields, headers=HTML, allow_redirects=False) as answer:
        return answer.status, await answer.text(), dict(answer.headers)


def key_in(text: str) -> str:
    """The secret that a page shows."""
    found = re.search(r'<code id="fresh-key">(ctm_[0-9a-f]+)</code>', text)
    assert found
    return found[1]


async def test_the_settings_need_a_session(service):
    """A stranger is led to the login and back; a form without one is refused."""
    async with service.get("/settings", headers=HTML, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/login?next=%2Fsettings")
    assert (await create(service, name="x", **{"scope-read": "1"}))[0] == 401
    assert await status_of(service, "/settings/keys/x/revoke", method="POST", headers=HTML) == 401


async def test_a_key_is_shown_once(service):
    """With what programs need, in an answer that nobody keeps; afterwards only its name is there."""
    await sign_in(service)
    assert "There is none yet." in await get(service, "/settings")
    status, text, headers = await create(service, name="Laptop", days="90", **{"scope-upload": "1", "scope-read": "1"})
    assert (status, headers["Cache-Control"]) == (201, "no-store")
    key = key_in(text)
    async with service.get(f"{API}/users/me", headers={"Authorization": f"Bearer {key}"}) as answer:
        assert answer.status == 200
    later = await get(service, "/settings")
    assert key[4:16] not in later
    assert "Laptop" in later
    assert "expires" in later


async def test_the_file_for_sharex_and_the_lines_for_a_shell_work(service):
    """What ShareX would send is taken, and what it reads of the answer are addresses that answer."""
    await sign_in(service)
    _, text, _ = await create(service, name="ShareX", **{"scope-upload": "1"})
    encoded = re.search(r'href="data:application/octet-stream;base64,([^"]+)" download="chitram.sxcu"', text)
    assert encoded
    uploader = json.loads(base64.b64decode(encoded[1]))
    form = upload_form(picture(), name="Screenshot.png")
    async with service.session.post(uploader["RequestURL"], data=form, headers=uploader["Headers"]) as answer:
        fields = await answer.json()
        assert answer.status == 201

    def filled(template: str) -> str:
        def value(found: "re.Match[str]") -> str:
            here = fields
            for step in found[1].split("."):
                here = here[step]
            return str(here)

        return re.sub(r"\{json:([\w.]+)\}", value, template)

    for name in ("URL", "DeletionURL"):
        async with service.session.get(filled(uploader[name]), headers=HTML) as answer:
            assert answer.status == 200, name
    assert filled(uploader["ThumbnailURL"]).endswith(f"/t/{fields['short_id']}/300.jpg")
    assert f"{uploader['RequestURL']}'" in unescape(text)


async def test_the_lines_for_a_shell_upload_and_show_the_key_to_nobody_else_on_the_machine(service, tmp_path):
    """As they are pasted; the arguments of a program are everybody's to see."""
    await sign_in(service)
    _, text, _ = await create(service, name="Shell", **{"scope-upload": "1"})
    found = re.search(r"(export CHITRAM_TOKEN=.*?)</", unescape(text), re.DOTALL)
    assert found
    lines = found[1]
    assert lines.startswith(f"export CHITRAM_TOKEN={key_in(text)}\n")
    (tmp_path / "picture.jpg").write_bytes(picture("image/jpeg"))
    shell = await asyncio.create_subprocess_exec("sh", "-c", lines, cwd=tmp_path, stdout=subprocess.PIPE)
    answer, _ = await shell.communicate()
    assert json.loads(answer)["filename"] == "picture.jpg"
    called = next(line for line in lines.splitlines() if " curl " in line)
    assert "TOKEN" not in called
    assert key_in(text) not in called


async def test_no_key_is_made_that_nobody_would_see(service):
    """A host that is none is refused first."""
    token = await sign_in(service)
    headers = {**HTML, "Host": "bad$host", "Cookie": f"chitram_session={token}"}
    async with service.post("/settings/keys", data={"name": "Lost", "scope-upload": "1"}, headers=headers) as answer:
        assert answer.status == 400
    _, text, _ = await create(service, name="Lost", **{"scope-upload": "1"})
    assert key_in(text)


async def test_a_key_that_may_not_upload_has_no_such_file(service):
    """It would promise what is then refused."""
    await sign_in(service)
    _, text, _ = await create(service, name="Reader", **{"scope-read": "1"})
    assert key_in(text)
    assert "sxcu" not in text


async def test_in_production_the_addresses_are_https(start_service):
    """Behind the proxy that ends TLS a key must not be sent in the clear; on this machine it may."""
    service = await start_service(app_env="production", jwt_secret_key="x" * 32)
    token = await register(service)
    for host, origin in (("pictures.example", "https://pictures.example"), ("localhost:8000", "http://localhost:8000")):
        headers = {**HTML, "Host": host, "Cookie": f"chitram_session={token}"}
        data = {"name": host, "scope-upload": "1"}
        async with service.post("/settings/keys", data=data, headers=headers) as answer:
            assert f"'{origin}/api/v1/images/upload'" in unescape(await answer.text())


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"name": "", "scope-read": "1"}, 422, "Use 1 to 100 characters"),
        ({"name": "Desk"}, 422, "Choose at least one of"),
        ({"name": "Desk", "scope-admin": "1"}, 422, "for administrators alone"),
        ({"name": "Laptop", "scope-read": "1"}, 409, "There is an API key of this name already"),
        ({"name": "Desk", "scope-read": "1", "days": "9999999999999"}, 400, "from what is offered"),
        ({"name": "Desk", "scope-read": "1", "days": "-1"}, 400, "from what is offered"),
        ({"name": "De\0sk", "scope-read": "1"}, 400, "not text"),
        ({}, 422, "Use 1 to 100 characters"),
    ],
)
async def test_a_refused_form_says_why_and_keeps_what_was_entered(service, fields, status, sentence):
    """Nothing is made."""
    token = await sign_in(service)
    await api_key(service, token, "read", name="Laptop")
    said, text, _ = await create(service, **fields)
    assert (said, sentence in unescape(text)) == (status, True)
    assert "fresh-key" not in text
    if status != 400 and fields:
        assert f'value="{fields["name"]}"' in text
        assert ('name="scope-read" value="1" checked' in text) == ("scope-read" in fields)
    assert (await get(service, "/settings")).count('popover id="revoke-') == 1


async def test_a_key_is_revoked_by_a_form(service):
    """At once; an id that is not one's own is a missing page."""
    token = await sign_in(service)
    made = await api_key(service, token, "read", name="Laptop")
    stranger = await register(service, "bob@example.com")
    theirs = await api_key(service, stranger, "read", name="Theirs")
    async with service.post(f"/settings/keys/{made['id']}/revoke", headers=HTML) as answer:
        assert "That API key is worth nothing any more." in await answer.text()
    assert await status_of(service, f"{API}/users/me", token=made["key"]) == 401
    for key_id in (made["id"], theirs["id"], "x"):
        assert await status_of(service, f"/settings/keys/{key_id}/revoke", method="POST", headers=HTML) == 404
    assert await status_of(service, f"{API}/users/me", token=theirs["key"]) == 200


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
async def test_another_site_makes_and_revokes_no_key(service, headers):
    """On behalf of a visitor who is signed in here."""
    token = await sign_in(service)
    made = await api_key(service, token, "read", name="Laptop")
    for path in ("/settings/keys", f"/settings/keys/{made['id']}/revoke"):
        data = {"name": "theirs", "scope-read": "1"}
        assert await status_of(service, path, method="POST", data=data, headers={**HTML, **headers}) == 403
    service.session.cookie_jar.clear()
    assert await status_of(service, f"{API}/users/me", token=made["key"]) == 200


async def test_a_name_cannot_leave_its_place(service):
    """It is text, wherever it is shown."""
    await sign_in(service)
    name = HOSTILE[:100]
    _, text, _ = await create(service, name=name, **{"scope-upload": "1"})
    assert name not in text
    assert name in unescape(text)
    assert "<script>alert" not in text
    assert "<img src=x" not in await get(service, "/settings")


async def test_only_administrators_are_offered_their_scope(service, own_settings, monkeypatch):
    """And a full list says so before anything is typed."""
    await administrator(service, own_settings)
    assert "scope-admin" in await get(service, "/settings")
    service.session.cookie_jar.clear()
    token = await sign_in(service)
    assert "scope-admin" not in await get(service, "/settings")
    for module in ("services.api_keys", "handlers.settings_views"):
        monkeypatch.setattr(f"chitram.{module}.MAX_KEYS", 2)
    for number in range(2):
        await api_key(service, token, "read", name=f"{number}")
    assert "as many keys as an account may have" in await get(service, "/settings/keys")
    status, text, _ = await create(service, name="more", **{"scope-read": "1"})
    assert (status, "Revoke one first" in text) == (409, True)

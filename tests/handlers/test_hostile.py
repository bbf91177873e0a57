"""What a hostile client sends costs it a refusal, and nobody else anything."""

import asyncio
import gzip

import pytest

from chitram.adapters.passwords import Argon2Passwords
from tests.api import API, PASSWORD, bearer, register, status_of, thumbnails_ready, upload
from tests.pictures import picture

MULTIPART = {"Content-Type": "multipart/form-data; boundary=B"}
FORM = "application/x-www-form-urlencoded"


def part(name: str, data: bytes, *, headers: bytes = b"") -> bytes:
    """One part of a multipart body whose boundary is B."""
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n'
    return head.encode() + headers + b"\r\n" + data + b"\r\n"


FILE = part("file", picture())
END = b"--B--\r\n"


@pytest.mark.parametrize("path", ["/login", "/register", "/theme", f"{API}/auth/token"])
@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (f"{FORM}; charset=no-such-charset", b"email=a"),
        (f"{FORM}; charset=hex", b"email=a"),
        (FORM, b"email=\xff\xfe"),
        ("multipart/form-data", b"email=a"),
        ("multipart/form-data; boundary=B", b"no boundary at all"),
        ("multipart/form-data; boundary=B", b"--B\r\nno header\r\n\r\nx\r\n--B--\r\n"),
    ],
    ids=["unknown charset", "no text charset", "not UTF-8", "no boundary", "no parts", "bad part header"],
)
async def test_a_form_that_cannot_be_read_is_the_client_s_fault(service, path, content_type, body):
    """400, never 500."""
    assert await status_of(service, path, method="POST", data=body, headers={"Content-Type": content_type}) == 400


@pytest.mark.parametrize("path", [f"{API}/auth/login", "/login"])
async def test_a_compressed_body_that_is_not_compressed_is_refused(service, path):
    """400, never 500."""
    headers = {"Content-Encoding": "gzip", "Content-Type": FORM}
    assert await status_of(service, path, method="POST", data=b"not gzip", headers=headers) == 400


@pytest.mark.parametrize(
    "body",
    [
        part("file", picture(), headers=b"X: " + b"a" * 20_000 + b"\r\n") + END,
        part("file", picture(), headers=b"".join(b"X%d: a\r\n" % n for n in range(400))) + END,
        part("file", picture(), headers=b"no header\r\n") + END,
        part("_charset_", b"no-such-charset") + part("title", b"x" * 5000) + FILE + END,
        b'--B\r\nContent-Disposition: form-data; name="file"; filename="a\x01.png"\r\n\r\n' + picture() + b"\r\n" + END,
        b"\n" * 2000 + FILE + END,
        part("a", b"1") * 30 + FILE + END,
        part("a", b"") * 30 + FILE + END,
        FILE + part("a", b"") * 30 + END,
    ],
    ids=[
        "long header", "many headers", "bad header", "charset", "control character", "lines before the first part",
        "one field many times", "empty fields", "empty fields after the file",
    ],
)  # fmt: skip
async def test_a_multipart_body_has_a_limit_on_everything(service, body):
    """Lines and fields are counted whatever they are called and however short they are."""
    assert await status_of(service, f"{API}/images/upload", method="POST", data=body, headers=MULTIPART) == 400


async def test_a_compressed_upload_is_refused_unread(service):
    """A small body could be a very long one."""
    headers = {**MULTIPART, "Content-Encoding": "gzip"}
    body = gzip.compress(FILE + END)
    assert await status_of(service, f"{API}/images/upload", method="POST", data=body, headers=headers) == 415


@pytest.mark.parametrize("sent", [b"", b"--B\r\n", FILE, FILE + part("a", b"1")], ids=["none", "line", "file", "field"])
async def test_a_client_that_stops_sending_loses_its_place(start_service, monkeypatch, sent):
    """Wherever it stops: the only place is free again for somebody else."""
    monkeypatch.setattr("chitram.handlers.parts.PATIENCE_SECONDS", 0.2)
    service = await start_service(upload_concurrency_limit=1)
    reader, writer = await asyncio.open_connection(service.host, service.port)
    head = f"POST {API}/images/upload HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART['Content-Type']}\r\n"
    writer.write(f"{head}Content-Length: 99999\r\n\r\n".encode() + sent)
    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 400 ")
    assert (await upload(service))["id"]
    writer.close()


async def test_an_origin_that_is_no_address_is_foreign(service):
    """403, never 500."""
    headers = {"Origin": "http://[::1"}
    assert await status_of(service, "/theme", method="POST", data={"theme": "dark"}, headers=headers) == 403


async def test_a_delete_token_may_be_any_bytes(service):
    """It is merely wrong."""
    fields = await upload(service)
    reader, writer = await asyncio.open_connection(service.host, service.port)
    writer.write(f"DELETE {fields['links']['self']} HTTP/1.1\r\nHost: x\r\nX-Delete-Token: ".encode() + b"\xff\r\n\r\n")
    assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 403 ")
    writer.close()


async def test_a_host_that_is_none_does_not_get_into_a_page(service):
    """Links are made from it."""
    fields = await upload(service)
    for host in (b'x"><script>', b"\xff\xfe"):
        reader, writer = await asyncio.open_connection(service.host, service.port)
        writer.write(f"GET {fields['links']['page']} HTTP/1.1\r\nHost: ".encode() + host + b"\r\n\r\n")
        assert (await asyncio.wait_for(reader.readline(), 10)).startswith(b"HTTP/1.1 400 ")
        writer.close()


async def test_a_login_during_a_password_change_opens_nothing(service, monkeypatch):
    """Whoever knows the old password cannot keep a sign-in under way until the change is over."""
    compared, changed = asyncio.Event(), asyncio.Event()
    matches = Argon2Passwords.matches

    async def paused(self: Argon2Passwords, password: str, stored: str | None) -> bool:
        result = await matches(self, password, stored)
        if not compared.is_set():
            compared.set()
            await changed.wait()
        return result

    mine = await register(service)
    monkeypatch.setattr(Argon2Passwords, "matches", paused)
    old = {"email": "ann@example.com", "password": PASSWORD}
    login = asyncio.create_task(service.post(f"{API}/auth/login", json=old))
    await asyncio.wait_for(compared.wait(), 10)
    change = {"current_password": PASSWORD, "new_password": "another good one"}
    assert await status_of(service, f"{API}/auth/password", method="POST", json=change, token=mine) == 200
    changed.set()
    late = (await (await login).json())["access_token"]
    assert await status_of(service, f"{API}/auth/me", token=late) == 401


async def test_of_two_password_changes_at_once_one_wins(service):
    """The other one was told the old password too, but it is not the current one any more."""
    token = await register(service)

    async def change(new: str) -> int:
        wanted = {"current_password": PASSWORD, "new_password": new}
        async with service.post(f"{API}/auth/password", json=wanted, headers=bearer(token)) as answer:
            return int(answer.status)

    assert sorted(await asyncio.gather(change("the first new one"), change("the second new one"))) == [200, 401]


async def test_a_digest_that_is_none_is_refused(service):
    """Before a database sees it."""
    token = await register(service)
    for digest in ("%00", "0" * 63, "G" * 64, "%25"):
        assert await status_of(service, f"{API}/users/me/images?sha256={digest}", token=token) == 422
    assert await status_of(service, f"{API}/users/me/images?sha256={'0' * 64}", token=token) == 200


async def test_a_very_long_address_costs_nothing(service, monkeypatch):
    """Composing characters takes quadratic time; it is not begun."""
    composed: list[int] = []

    def normalize(_form: str, text: str) -> str:
        composed.append(len(text))
        return text

    monkeypatch.setattr("chitram.domain.account.unicodedata.normalize", normalize)
    hostile = {"email": "a" + "\u0300\u0327" * 10_000 + "@example.com", "password": PASSWORD}
    assert await status_of(service, f"{API}/auth/login", method="POST", json=hostile) in {401, 413}
    hostile["email"] = "a" + "\u0300\u0327" * 2_000 + "@example.com"
    assert await status_of(service, f"{API}/auth/login", method="POST", json=hostile) == 401
    assert await status_of(service, f"{API}/auth/register", method="POST", json=hostile) == 422
    assert not composed


async def test_a_shared_cache_keeps_nothing_of_somebody_s_own(service):
    """What depends on who asks says so."""
    token = await register(service)
    unlisted = await upload(service, token=token)
    await thumbnails_ready(service, unlisted["id"])
    for path in (f"{API}/users/me/images", unlisted["links"]["thumbnails"]):
        async with service.get(path, headers=bearer(token)) as answer:
            assert (answer.status, answer.headers["Cache-Control"]) == (200, "private, no-cache")

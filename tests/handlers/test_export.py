"""One's own pictures in one zip, over HTTP."""

import asyncio
import errno
import hashlib
import json
import tracemalloc
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Self

import pytest
from aiohttp import ClientPayloadError

from chitram.adapters.blobs_disk import DiskBlob, DiskStorage
from chitram.domain.errors import ServiceUnavailable
from chitram.domain.thumbnail import original_key
from chitram.services.exports import HELD
from tests.api import API, Client, bearer, register, show, status_of, thumbnails_ready, upload
from tests.archives import Unpacked, unpacked
from tests.pictures import noise, picture
from tests.servers.service import StartService
from tests.waiting import until

EXPORT = f"{API}/users/me/export"
LARGE = HELD + 5000


def large(seed: int = 0, size: int = LARGE) -> bytes:
    """A picture that is read twice: what follows a JPEG's end marker is nobody's business."""
    data = picture("image/jpeg", seed=seed)
    return data + bytes(size - len(data))


async def download(client: Client, token: str, tmp_path: Path) -> Unpacked:
    """The whole archive, found well by two readers."""
    async with client.get(EXPORT, headers=bearer(token)) as answer:
        assert answer.status == 200
        return unpacked(await answer.read(), tmp_path)


async def test_everything_comes_back_as_it_was_uploaded(service, tmp_path):
    """Bytes, and all that the API says of a picture; nobody else's, and nothing that opens anything."""
    token, bob = await register(service), await register(service, "bob@example.com")
    originals = [picture(), noise((900, 700)), large(), picture("image/avif")]
    names = ["a.png", "చిత్రం.jpg", "large.jpeg", "no extension"]
    for data, name, visibility in zip(originals, names, ["public", "private", "unlisted", "private"], strict=True):
        await upload(service, data, token=token, name=name, visibility=visibility, title=f"Title of {name}")
    await upload(service, picture(seed=1), token=bob)
    await upload(service, picture(seed=2))
    found = await download(service, token, tmp_path)
    async with service.get(f"{API}/users/me/images", headers=bearer(token)) as answer:
        listed = (await answer.json())["items"]
    described = [{k: v for k, v in image.items() if k not in {"file", "problem"}} for image in found.manifest["images"]]
    dynamic = {"thumbnails", "thumbnail_ready", "thumbnail_url"}  # they are being made
    assert [{k: v for k, v in one.items() if k not in dynamic} for one in described] == [
        {k: v for k, v in one.items() if k not in dynamic} for one in listed
    ]
    assert sorted(found.files.values()) == sorted(originals)
    for image in found.manifest["images"]:
        assert image["problem"] is None
        assert hashlib.sha256(found.original(image["id"])).hexdigest() == image["sha256"]
    assert (found.manifest["complete"], found.manifest["pictures"], found.manifest["with_problems"]) == (True, 4, 0)
    assert found.manifest["account"]["email"] == "ann@example.com"
    assert "argon2" not in json.dumps(found.manifest)


async def test_it_is_a_download_of_unknown_length_for_nobody_else(service):
    """No cache keeps it; strangers and old tokens are refused; HEAD makes no archive."""
    token = await register(service)
    async with service.get(EXPORT, headers=bearer(token)) as answer:
        assert answer.content_type == "application/zip"
        assert answer.headers["Content-Disposition"].startswith('attachment; filename="chitram-')
        assert (answer.headers["Cache-Control"], answer.headers["Transfer-Encoding"]) == ("no-store", "chunked")
        assert "Content-Length" not in answer.headers
        assert await answer.read()
    assert await status_of(service, EXPORT, method="HEAD", token=token) == 200
    assert await status_of(service, EXPORT) == 401
    await status_of(service, f"{API}/auth/logout", method="POST", token=token)
    assert await status_of(service, EXPORT, token=token) == 401
    async with service.get("/my-images/export", headers={"Accept": "text/html"}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/login?next=%2Fmy-images%2Fexport")


async def test_an_account_without_pictures_gets_its_manifest(service, tmp_path):
    """It has data too."""
    found = await download(service, await register(service), tmp_path)
    assert (found.files, found.manifest["images"], found.manifest["complete"]) == ({}, [], True)


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd.png", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("a<b>|?*.png", "a_b____"),
        ("con.png", "con"),
        ("con.old.png", "_con.old"),
        ("Nul .a.b.png", "_Nul .a.b"),
        ("com¹.x.png", "_com¹.x"),
        ("console.x.png", "console.x"),
        ("💥" * 80 + ".png", "💥" * 30),
        (".png", "picture"),
        ("x.exe", "x.exe"),
    ],
)
async def test_names_in_the_archive_are_harmless_everywhere(service, tmp_path, name, stem):
    """One folder, no path, nothing that Windows refuses, the right extension, and the short id that makes it unique."""
    token = await register(service)
    fields = await upload(service, name=name, token=token)
    found = await download(service, token, tmp_path)
    assert list(found.files) == [f"pictures/{stem}-{fields['short_id']}.png"]


async def test_a_manifest_may_have_entries_of_any_length(service, tmp_path, monkeypatch):
    """Whether an entry is beyond 2 GB must be known at its beginning."""
    monkeypatch.setattr("zipfile.ZIP64_LIMIT", 5000)
    token, title = await register(service), "💥" * 200
    for seed in range(3):
        await upload(service, picture(seed=seed), name="💥" * 60 + ".png", title=title, token=token)
    found = await download(service, token, tmp_path)
    assert [image["title"] for image in found.manifest["images"]] == [title] * 3


async def test_pictures_of_one_name_are_all_there(service, tmp_path):
    """Also when their names differ by what is taken out of them."""
    token = await register(service)
    for seed, name in enumerate(["a.png", "a.png", "x/a.png", "a .png"]):
        await upload(service, picture(seed=seed), name=name, token=token)
    assert len((await download(service, token, tmp_path)).files) == 4


async def test_what_cannot_be_read_is_told_and_the_rest_is_there(service, tmp_path, monkeypatch):
    """Lost, damaged, unreadable: each with its reason in the manifest, which is not complete."""
    token, pictures = await register(service), [large(seed) if seed == 3 else picture(seed=seed) for seed in range(5)]
    ids = [(await upload(service, data, token=token))["id"] for data in pictures]
    for image_id in ids:
        await thumbnails_ready(service, image_id)
    blobs = tmp_path / "blobs"
    (blobs / original_key(ids[0])).unlink()
    (blobs / original_key(ids[1])).write_bytes(b"something else")
    read = DiskBlob.read

    async def dying(self: DiskBlob, start: int, stop: int):
        async for chunk in read(self, start, stop):
            yield chunk
            if self.size == LARGE:
                raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(DiskBlob, "read", dying)
    found = await download(service, token, tmp_path)
    images = found.images
    assert [images[image_id]["problem"] is None for image_id in ids] == [False, False, True, False, True]
    assert ("is lost" in images[ids[0]]["problem"], images[ids[0]]["file"]) == (True, None)
    assert "is damaged" in images[ids[1]]["problem"]
    assert found.original(ids[1]) == b"something else"
    assert ("Input/output error" in images[ids[3]]["problem"], images[ids[3]]["file"]) == (True, None)
    assert found.original(ids[4]) == picture(seed=4)
    assert (found.manifest["complete"], found.manifest["pictures"], found.manifest["with_problems"]) == (False, 5, 3)


async def test_a_storage_that_is_away_is_not_asked_for_ever(service, tmp_path, monkeypatch):
    """Each question may take its whole patience: after a minute in vain the others are said not to have been tried."""
    monkeypatch.setattr("chitram.services.exports.VAIN_SECONDS", 0.5)
    token, asked = await register(service), []
    for seed in range(8):
        await thumbnails_ready(service, (await upload(service, picture(seed=seed), token=token))["id"])

    @asynccontextmanager
    async def away(_self, key):
        asked.append(key)
        await asyncio.sleep(0.2)  # the patience
        if asked:
            raise ServiceUnavailable("The storage does not answer.")
        yield

    monkeypatch.setattr(DiskStorage, "open", away)
    found = await download(service, token, tmp_path)
    problems = [image["problem"] for image in found.manifest["images"]]
    assert [("does not answer" in problem, "not asked for" in problem) for problem in problems] == (
        [(True, False)] * 2 + [(False, True)] * 6
    )
    assert (found.files, len([key for key in asked if key.startswith("originals")])) == ({}, 4)


async def test_an_original_that_is_reached_the_second_time_is_there(service, tmp_path, monkeypatch):
    """A connection to the storage is lost now and then."""
    token = await register(service)
    fields = await upload(service, token=token)
    await thumbnails_ready(service, fields["id"])
    failing, opening = iter([True]), DiskStorage.open

    def flaky(self, key):
        if next(failing, False):
            raise ServiceUnavailable
        return opening(self, key)

    monkeypatch.setattr(DiskStorage, "open", flaky)
    assert (await download(service, token, tmp_path)).original(fields["id"]) == picture()


@pytest.mark.parametrize(("failures", "whole"), [(2, True), (3, False)])
async def test_what_breaks_off_in_an_entry_goes_on_or_breaks_the_archive_visibly(
    service, tmp_path, monkeypatch, failures, whole
):
    """A connection to the storage may be lost once and again; a picture that is cut off must not look whole."""
    monkeypatch.setattr("chitram.services.exports.PAUSE_SECONDS", 0)
    token = await register(service)
    fields, read, reads = await upload(service, large(), token=token), DiskBlob.read, 0
    await thumbnails_ready(service, fields["id"])  # they are made from the same blob

    async def flaky(self: DiskBlob, start: int, stop: int):
        nonlocal reads
        reads += self.size == LARGE
        broken = self.size == LARGE and 1 < reads <= 1 + failures  # the first one only compares
        async for chunk in read(self, start, stop):
            yield chunk
            if broken:
                raise ServiceUnavailable("The connection was lost.")

    monkeypatch.setattr(DiskBlob, "read", flaky)
    if whole:
        assert (await download(service, token, tmp_path)).original(fields["id"]) == large()
        return
    with pytest.raises(ClientPayloadError):
        await download(service, token, tmp_path)
    monkeypatch.setattr(DiskBlob, "read", read)

    async def free() -> bool:
        return await status_of(service, EXPORT, token=token) == 200

    await until(free)
    assert (await download(service, token, tmp_path)).original(fields["id"]) == large()


class Slow:
    """A client that has begun to read an export, and takes no more of it for now."""

    def __init__(self, client: Client, token: str, path: str = EXPORT) -> None:
        self._client = client
        self._request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()

    async def __aenter__(self) -> Self:
        assert self._client.server is not None
        host, port = self._client.server.host, self._client.server.port
        self._reader, self._writer = await asyncio.open_connection(host, port, limit=1024)
        self._writer.write(self._request)
        self.head = await self._reader.readuntil(b"\r\n\r\n")
        return self

    async def rest(self) -> bytes:
        """Whatever comes now."""
        return await self._reader.read()

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()


@pytest.fixture
async def large_library(start_service: StartService) -> tuple[Client, str]:
    """A service with one connection to its database, and an account with more than a connection buffers."""
    service = await start_service(db_pool_size=1, db_max_overflow=0, upload_concurrency_limit=1)
    token = await register(service)
    for seed in range(3):
        await upload(service, large(seed, 12 * 1024 * 1024), token=token)
    return service, token


async def test_while_it_streams_nobody_waits_for_anything(large_library):
    """Not for the only connection to the database, nor for the only place for uploads."""
    service, token = large_library
    async with Slow(service, token) as slow:
        assert b"200 OK" in slow.head
        async with asyncio.timeout(10):
            await upload(service, picture(seed=9), token=token)
            assert await status_of(service, "/health/ready") == 200
            async with service.get(f"{API}/users/me/images", headers=bearer(token)) as answer:
                assert len((await answer.json())["items"]) == 4


async def test_memory_is_bounded_by_chunks(large_library):
    """Not one of the originals is ever whole in it."""
    service, token = large_library
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        async with service.get(EXPORT, headers=bearer(token)) as answer:
            size = sum([len(chunk) async for chunk in answer.content.iter_chunked(65536)])
        assert size > 36 * 1024 * 1024
        assert tracemalloc.get_traced_memory()[1] - before < 8 * 1024 * 1024
    finally:
        tracemalloc.stop()


async def test_an_account_is_exported_once_at_a_time(large_library, start_service):
    """In any process; another account at the same time; and again as soon as the first one is gone."""
    service, token = large_library
    other, bob = await start_service(sole=False), await register(service, "bob@example.com")
    async with Slow(service, token) as slow:
        assert b"200 OK" in slow.head
        for way in (service, other):
            async with way.get(EXPORT, headers=bearer(token)) as answer:
                problem = await answer.json()
                assert (answer.status, problem["code"]) == (409, "EXPORT_RUNNING")
                assert "wait until that is done" in problem["detail"]
        assert await status_of(other, EXPORT, token=bob) == 200
        headers = {"Accept": "text/html", **bearer(token)}
        async with other.get("/my-images/export", headers=headers) as answer:
            assert (answer.status, answer.content_type) == (409, "text/html")

    async def again() -> bool:
        return await status_of(other, EXPORT, token=token) == 200

    await until(again)


async def test_a_process_makes_only_so_many_archives_at_a_time(large_library, start_service, monkeypatch):
    """Each keeps memory and open files for as long as its client likes; another process has places of its own."""
    monkeypatch.setattr("chitram.services.exports.MOST", 1)
    other, token = large_library
    service, bob = await start_service(sole=False), await register(other, "bob@example.com")
    async with Slow(service, token) as slow:
        assert b"200 OK" in slow.head
        async with service.get(EXPORT, headers=bearer(bob)) as answer:
            assert (answer.status, (await answer.json())["code"]) == (503, "SERVICE_UNAVAILABLE")
            assert answer.headers["Retry-After"] == "60"
        assert await status_of(other, EXPORT, token=bob) == 200

    async def free() -> bool:
        return await status_of(service, EXPORT, token=bob) == 200

    await until(free)


async def test_a_client_that_takes_nothing_is_cut_off(large_library, monkeypatch):
    """It would hold an open file, and its account's turn, for as long as it likes."""
    monkeypatch.setattr("chitram.handlers.exports.PATIENCE_SECONDS", 0.2)
    service, token = large_library
    async with Slow(service, token) as slow:

        async def free() -> bool:
            return await status_of(service, EXPORT, token=token) == 200

        await until(free)
        assert not (await slow.rest()).endswith(b"0\r\n\r\n")


async def test_what_is_deleted_meanwhile_is_left_out(large_library, tmp_path):
    """Without a complaint: it is gone by its owner's wish. What arrives meanwhile waits for the next time."""
    service, token = large_library
    async with service.get(f"{API}/users/me/images", headers=bearer(token)) as answer:
        ids = [image["id"] for image in (await answer.json())["items"]]
    async with service.get(EXPORT, headers=bearer(token)) as answer:
        await answer.content.readexactly(1000)
        assert await status_of(service, f"{API}/images/{ids[2]}", method="DELETE", token=token) == 204
        assert (await show(service, ids[2]))[0] == 404
        await upload(service, picture(seed=9), token=token)
        await answer.read()
    found = await download(service, token, tmp_path)
    assert (found.manifest["complete"], set(found.images) & set(ids)) == (True, set(ids[:2]))

"""Quotas over HTTP: refused as early as it can be known, never passed, and nothing is left behind."""

import asyncio
import re
from collections.abc import Sequence
from html import unescape
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from tests.api import API, Client, bearer, refused, register, status_of, upload, upload_form
from tests.pictures import noise, picture
from tests.servers.service import StartService
from tests.waiting import until

KIB = 1024
ROOM_MB = 100 / KIB
"""100 KB."""
HTML = {"Accept": "text/html"}


def photograph(kilobytes: int, seed: int = 0) -> bytes:
    """A JPEG of exactly so many kilobytes; what follows its end marker is nobody's business."""
    data = picture("image/jpeg", seed=seed)
    return data + bytes(kilobytes * KIB - len(data))


async def me(client: Client, token: str) -> dict[str, Any]:
    """The account as its owner sees it; both addresses say the same."""
    async with client.get(f"{API}/users/me", headers=bearer(token)) as answer:
        fields: dict[str, Any] = await answer.json()
    async with client.get(f"{API}/auth/me", headers=bearer(token)) as answer:
        assert await answer.json() == fields
    return fields


def originals(tmp_path: Path) -> list[Path]:
    """Every original in the storage, and every upload on its way."""
    blobs = tmp_path / "blobs"
    return [path for name in ("originals", "staging") for path in (blobs / name).rglob("*") if path.is_file()]


@pytest.fixture
async def service(start_service: StartService) -> Client:
    """One whose accounts may keep 100 KB."""
    return await start_service(user_quota_mb=ROOM_MB)


async def test_an_account_sees_what_it_uses_and_may(service, start_service):
    """In bytes; no quota is null."""
    token = await register(service)
    fields = await me(service, token)
    assert (fields["used_bytes"], fields["quota_bytes"]) == (0, 100 * KIB)
    await upload(service, photograph(30), token=token)
    assert (await me(service, token))["used_bytes"] == 30 * KIB
    free = await start_service()
    assert (await me(free, token))["quota_bytes"] is None


async def test_the_refusal_says_what_is_used_and_allowed(service, tmp_path):
    """As a problem for programs; what fits exactly is taken, and what is deleted makes room."""
    token = await register(service)
    first = await upload(service, photograph(60), token=token)
    body = upload_form(photograph(50, seed=1))
    async with service.post(f"{API}/images/upload", data=body, headers=bearer(token)) as answer:
        problem = await answer.json()
        assert (answer.status, answer.content_type) == (507, "application/problem+json")
    assert problem["code"] == "QUOTA_EXCEEDED"
    assert problem["details"] == {"used_bytes": 60 * KIB, "quota_bytes": 100 * KIB}
    assert "60 KB of the 100 KB" in problem["detail"]
    await upload(service, photograph(40, seed=2), token=token)
    assert await refused(service, upload_form(picture(seed=3)), token=token) == (507, "QUOTA_EXCEEDED")
    await until(lambda: len(originals(tmp_path)) == 2)  # thumbnails pass through the staging too
    assert await status_of(service, f"{API}/images/{first['id']}", method="DELETE", token=token) == 204
    await upload(service, photograph(60, seed=4), token=token)
    assert (await me(service, token))["used_bytes"] == 100 * KIB


async def test_whoever_is_full_is_refused_before_the_body(service):
    """Not even asked to go on; the same when the announced length cannot fit."""
    token = await register(service)
    await upload(service, photograph(20), token=token)

    wanted = False

    async def body():
        nonlocal wanted
        wanted = True
        yield b""

    async def asked(length: int) -> int:
        headers = {
            "Content-Type": "multipart/form-data; boundary=x",
            "Content-Length": str(length),
            "Expect": "100-continue",
        }
        async with service.post(f"{API}/images/upload", data=body(), headers=headers | bearer(token)) as answer:
            return int(answer.status)

    assert await asked(500 * KIB) == 507
    await upload(service, photograph(80, seed=1), token=token)
    assert await asked(1) == 507
    assert not wanted


async def test_an_upload_is_cut_off_as_soon_as_it_has_passed_the_quota(service, tmp_path):
    """Its length is not announced; it is not read to its end, and its part is gone."""
    token = await register(service)
    sent = 0

    async def endless():
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        yield photograph(90)
        for _ in range(4000):
            sent += 64 * KIB
            yield bytes(64 * KIB)

    headers = {"Content-Type": "multipart/form-data; boundary=x"} | bearer(token)
    async with service.post(f"{API}/images/upload", data=endless(), headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (507, "QUOTA_EXCEEDED")
    assert sent < 20_000 * KIB
    assert originals(tmp_path) == []


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> dict[str, object]:
    """Settings for either."""
    settings: dict[str, object] = {} if request.param == "sqlite" else request.getfixturevalue("on_postgres")
    return settings


async def uploaded_at_once(ways: Sequence[Client], token: str, seeds: Sequence[int]) -> list[int]:
    """Upload a photograph of 30 KB for each seed, by these ways in turn; the statuses, sorted."""
    all_read, waiting = asyncio.Event(), 0

    async def body(seed: int):
        """Everybody's last bytes come when everybody has been admitted."""
        nonlocal waiting
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
        yield photograph(30, seed)
        waiting += 1
        if waiting == len(seeds):
            all_read.set()
        await all_read.wait()
        yield b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    posts = [
        status_of(way, f"{API}/images/upload", method="POST", token=token, data=body(seed), headers=headers)
        for seed, way in zip(seeds, cycle(ways), strict=False)
    ]
    return sorted(await asyncio.gather(*posts))


async def test_uploads_at_once_never_pass_the_quota(start_service, database, tmp_path):
    """Through two instances, each of which saw room for all of them; the losers leave no row and no file."""
    settings = {"user_quota_mb": ROOM_MB, **database}
    one, two = await start_service(**settings), await start_service(**settings, sole=False)
    token = await register(one)
    assert await uploaded_at_once([one, two], token, range(12)) == [201] * 3 + [507] * 9
    async with one.get(f"{API}/users/me/images", headers=bearer(token)) as answer:
        assert len((await answer.json())["items"]) == 3
    assert (await me(two, token))["used_bytes"] == 90 * KIB
    await until(lambda: len(originals(tmp_path)) == 3)  # see above


@pytest.mark.parametrize("quota", [None, 40 / KIB], ids=["no quota", "room for one"])
async def test_the_same_picture_many_times_at_once_is_one(start_service, database, tmp_path, quota):
    """Through two instances, none of which saw it anywhere; nobody is refused, and nothing is left of the others."""
    settings = {"user_quota_mb": quota, **database}
    one, two = await start_service(**settings), await start_service(**settings, sole=False)
    token = await register(one)
    assert await uploaded_at_once([one, two], token, [0] * 8) == [200] * 7 + [201]
    async with one.get(f"{API}/users/me/images", headers=bearer(token)) as answer:
        assert len((await answer.json())["items"]) == 1
    assert (await me(two, token))["used_bytes"] == 30 * KIB
    await until(lambda: len(originals(tmp_path)) == 1)
    async with one.get("/metrics") as answer:
        assert 'chitram_uploads_total{result="duplicate"}' in await answer.text()


async def test_the_same_picture_again_costs_nothing(service):
    """It is the one that is there."""
    token = await register(service)
    first = await upload(service, photograph(40), token=token)
    again = await upload(service, photograph(40), token=token)
    assert (again["id"], again["duplicate"]) == (first["id"], True)
    assert (await me(service, token))["used_bytes"] == 40 * KIB


async def test_what_is_nobody_s_has_no_quota(service):
    """And is nobody's use."""
    token = await register(service)
    await upload(service, noise((600, 500)))
    assert (await me(service, token))["used_bytes"] == 0


async def test_a_full_account_is_no_failure_of_ours(service, logged):
    """Operators are not woken for it, but can count it."""
    token = await register(service)
    await upload(service, photograph(100), token=token)
    await refused(service, upload_form(picture()), token=token)
    assert [line for line in logged.events() if line["level"] in {"warning", "error"}] == []
    async with service.get("/metrics") as answer:
        assert 'chitram_uploads_total{result="QUOTA_EXCEEDED"} 1' in await answer.text()


async def page(client: Client, path: str, token: str) -> str:
    """A page's text."""
    async with client.get(path, headers=HTML | bearer(token)) as answer:
        assert answer.status == 200
        return unescape(await answer.text())


async def test_the_form_says_why_and_my_pictures_show_how_much(service, start_service):
    """A bar where there is a quota, in words too, and none where there is none."""
    token = await register(service)
    for kilobytes, words in (
        (40, "40 KB of 100 KB used"),
        (55, "Almost full: 95 KB"),
        (5, "Full: 100 KB of 100 KB used"),
    ):
        await upload(service, photograph(kilobytes, seed=kilobytes), token=token)
        text = await page(service, "/my-images", token)
        assert words in text
        assert re.search(rf'<progress id="quota" max="{100 * KIB}" value="\d+">', text)
    assert "3 pictures · 100 KB" in text
    body = upload_form(picture())
    async with service.post("/upload", data=body, headers=HTML | bearer(token)) as answer:
        text = await answer.text()
        assert answer.status == 507
    assert "100 KB of the 100 KB" in text
    assert 'type="file"' in text
    assert "<progress id=" not in await page(await start_service(), "/my-images", token)

"""The whole service on a real S3 server and SQLite: everything works, and nothing breaks when the storage does."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from chitram.adapters.blobs_s3 import S3Storage
from chitram.adapters.s3_bucket import S3Bucket
from chitram.domain.thumbnail import original_key
from chitram.services.exports import HELD
from tests.adapters.blobs import listed
from tests.api import API, Client, bearer, healthy, refused, register, show, status_of, thumbnails_ready, upload
from tests.api import upload_form as form
from tests.archives import unpacked
from tests.pictures import noise, picture
from tests.servers.service import StartService
from tests.servers.swift import OWNER, Swift
from tests.waiting import until


@pytest.fixture
def on_s3(swift: Swift, bucket: str, tmp_path: Path, monkeypatch) -> dict[str, object]:
    """Settings for a bucket of this test alone; frozen servers are given up sooner than in production."""
    monkeypatch.setattr("chitram.adapters.s3_bucket.PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr("chitram.adapters.s3_bucket.RETRY_SECONDS", 0.2)
    return {
        "storage_backend": "s3",
        "minio_endpoint": swift.endpoint,
        "minio_access_key": OWNER[0],
        "minio_secret_key": OWNER[1],
        "minio_bucket": bucket,
        "minio_secure": False,
        "staging_path": tmp_path / "staging",
    }


@pytest.fixture
async def client(start_service: StartService, on_s3: dict[str, object]) -> Client:
    """The service."""
    return await start_service(**on_s3)


@pytest.fixture
async def storage(swift: Swift, bucket: str, client: Client, tmp_path: Path):
    """The same bucket, looked at from beside."""
    beside = S3Storage(S3Bucket(swift.place(bucket)), tmp_path / "beside")
    async with beside.connected():
        yield beside


async def fetch(client: Client, path: str, **headers: str) -> tuple[int, bytes]:
    """Status and body."""
    async with client.get(path, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_a_picture_from_upload_to_deletion(client, storage, tmp_path):
    """Its bytes, parts of them, its thumbnails; and then nothing is left anywhere."""
    token = await register(client)
    data = noise((1600, 1200))
    fields = await upload(client, data, token=token)
    file = f"{API}/images/{fields['id']}/file"
    assert await fetch(client, file) == (200, data)
    assert await fetch(client, file, Range="bytes=100-300099") == (206, data[100:300100])
    assert await fetch(client, file, Range="bytes=-10") == (206, data[-10:])
    assert (await fetch(client, file, Range=f"bytes={len(data)}-"))[0] == 416
    assert await fetch(client, file, **{"If-None-Match": f'"{hashlib.sha256(data).hexdigest()}"'}) == (304, b"")
    assert await status_of(client, file, method="HEAD") == 200
    await thumbnails_ready(client, fields["id"])
    for size in (150, 300, 600):
        assert (await fetch(client, f"{API}/images/{fields['id']}/thumbnail/{size}"))[1].startswith(b"\xff\xd8")
    assert len(await listed(storage)) == 7
    assert await status_of(client, f"{API}/images/{fields['id']}", method="DELETE", token=token) == 204
    assert await listed(storage) == {}
    assert await status_of(client, file) == 404
    assert list((tmp_path / "staging").iterdir()) == []


async def test_two_instances_share_the_bucket(start_service, client, on_s3, tmp_path):
    """What one takes in the other shows, each with a directory of its own for uploads on their way."""
    other = await start_service(**{**on_s3, "staging_path": tmp_path / "other"}, sole=False)
    data = picture()
    fields = await upload(client, data)
    assert await fetch(other, f"{API}/images/{fields['id']}/file") == (200, data)


async def test_a_sweep_collects_what_has_no_row(start_service, client, storage, on_s3):
    """The files of a process that died between the two; of nobody else."""
    fields = await upload(client, picture())
    await thumbnails_ready(client, fields["id"])
    kept = set(await listed(storage))
    await storage.put("originals/ab/abandoned", b"x")
    await storage.put("notes/not-ours", b"x")
    await asyncio.sleep(1.1)  # S3 tells the age of an object in whole seconds
    await start_service(**on_s3)

    async def swept() -> bool:
        return set(await listed(storage)) == kept

    await until(swept)


@pytest.mark.parametrize("harm", ["kill", "pause"])
async def test_without_the_storage_metadata_is_served_and_the_rest_is_503(swift, client, harm):
    """With a clear body, within a deadline; `/health` says degraded; and everything comes back by itself."""
    token = await register(client)
    fields = await upload(client, picture(), token=token)
    await thumbnails_ready(client, fields["id"])
    await healthy(client)
    getattr(swift, harm)()
    await healthy(client, "degraded")
    async with asyncio.timeout(30):
        assert (await show(client, fields["id"]))[0] == 200
        for path in ("file", "thumbnail/300"):
            async with client.get(f"{API}/images/{fields['id']}/{path}") as answer:
                problem = await answer.json()
                assert (answer.status, problem["code"]) == (503, "SERVICE_UNAVAILABLE")
                assert "try again soon" in problem["detail"]
                assert int(answer.headers["Retry-After"]) > 0
        assert await refused(client, form(picture(seed=1)), token=token) == (503, "SERVICE_UNAVAILABLE")
        assert await status_of(client, "/health/ready") == 200
    swift.resume()
    swift.start()
    await healthy(client)
    assert await status_of(client, f"{API}/images/{fields['id']}/file") == 200
    await upload(client, picture(seed=1), token=token)
    async with client.get(f"{API}/users/me/images", headers=bearer(token)) as answer:
        assert len((await answer.json())["items"]) == 2


async def test_a_delete_while_the_storage_is_away_holds(swift, client, storage):
    """The picture is gone for everyone at once; its files wait for a sweep."""
    token = await register(client)
    fields = await upload(client, picture(), token=token)
    await thumbnails_ready(client, fields["id"])
    swift.kill()
    assert await status_of(client, f"{API}/images/{fields['id']}", method="DELETE", token=token) == 204
    assert await status_of(client, f"{API}/images/{fields['id']}") == 404
    swift.start()
    assert len(await listed(storage)) == 7


async def test_the_service_starts_without_its_storage(swift, start_service, on_s3):
    """And makes the bucket when it comes."""
    swift.kill()
    client = await start_service(**on_s3)
    await healthy(client, "degraded")
    swift.start()
    await healthy(client)
    await upload(client, picture())


async def test_thumbnails_that_were_owed_while_the_storage_was_away_are_made(
    swift, client, monkeypatch, start_service, on_s3
):
    """The database remembers."""
    for module in ("job_worker", "job_attempts"):
        monkeypatch.setattr(f"chitram.services.{module}.REST_SECONDS", 0.2)
    another = await start_service(**on_s3)
    original = S3Storage.put

    async def broken(self, key, data):
        if key.startswith("thumbnails/"):
            swift.kill()
        await original(self, key, data)

    monkeypatch.setattr(S3Storage, "put", broken)
    fields = await upload(another, picture())
    await healthy(another, "degraded")
    monkeypatch.setattr(S3Storage, "put", original)
    swift.start()
    await thumbnails_ready(another, fields["id"])


async def test_an_export_reads_from_the_bucket_and_says_what_it_cannot(swift, client, storage, tmp_path):
    """Large and small ones come back; a lost one is named; with the storage away the archive is whole, and says so."""
    token = await register(client)
    large = picture("image/jpeg") + bytes(HELD)  # what follows a JPEG's end is nobody's business
    originals = [picture(), large, picture(seed=1)]
    ids = [(await upload(client, data, token=token))["id"] for data in originals]
    for image_id in ids:
        await thumbnails_ready(client, image_id)
    await storage.delete([original_key(ids[2])])
    export = f"{API}/users/me/export"
    found = unpacked((await fetch(client, export, **bearer(token)))[1], tmp_path)
    assert [found.original(image_id) for image_id in ids[:2]] == originals[:2]
    assert "is lost" in found.images[ids[2]]["problem"]
    swift.kill()
    found = unpacked((await fetch(client, export, **bearer(token)))[1], tmp_path)
    assert (found.files, found.manifest["complete"], found.manifest["with_problems"]) == ({}, False, 3)
    assert "try again soon" in found.images[ids[0]]["problem"]
    swift.start()

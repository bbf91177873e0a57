"""The commands for the storage on a real S3 server: what they promise does not depend on where the blobs lie."""

from pathlib import Path

import pytest

from chitram.adapters.blobs_s3 import S3Storage
from chitram.adapters.s3_bucket import S3Bucket
from chitram.domain.thumbnail import original_key
from tests.api import thumbnails_ready, upload
from tests.cli.commands import Commands
from tests.cli.doctor import diagnose
from tests.pictures import picture
from tests.servers.swift import OWNER, Swift


@pytest.fixture
def on_s3(swift: Swift, bucket: str, own_settings, tmp_path: Path) -> dict[str, object]:
    """Settings for a bucket of this test alone."""
    place = {"minio_endpoint": swift.endpoint, "minio_bucket": bucket, "minio_secure": "false"}
    keys = {"minio_access_key": OWNER[0], "minio_secret_key": OWNER[1]}
    return {**own_settings, **place, **keys, "storage_backend": "s3", "staging_path": str(tmp_path / "staging")}


async def test_verify_rebuild_and_backup_read_what_lies_in_a_bucket(
    start_service, on_s3, swift: Swift, bucket: str, tmp_path: Path
):
    """A lost and a damaged original are named, the others are in the backup."""
    service = await start_service(**on_s3)
    ids = sorted([(await upload(service, picture(seed=seed)))["id"] for seed in range(4)])
    for image_id in ids:
        await thumbnails_ready(service, image_id)
    chitram = Commands(on_s3)
    assert (await chitram.json("storage", "verify"))["fine"] == 4
    assert (await chitram.json("thumbs", "rebuild", ids[3]))["made"] == 1
    beside = S3Storage(S3Bucket(swift.place(bucket)), tmp_path / "beside")
    async with beside.connected():
        await beside.delete([original_key(ids[0])])
        await beside.put(original_key(ids[1]), b"something else")
    wrong = (await chitram.json("storage", "verify"))["wrong"]
    assert {one["id"]: one["state"] for one in wrong} == {ids[0]: "missing", ids[1]: "damaged"}
    taken = await chitram.json("backup", str(tmp_path / "copy.tar"))
    assert (taken["pictures"], sorted(taken["damaged"])) == (3, ids[:2])
    assert (await chitram.json("storage", "gc", "--dry-run"))["files"] == 0


def test_the_doctor_names_what_is_wrong_with_a_bucket(on_s3, swift: Swift):
    """Nothing is; then the key; then the server is frozen, which costs seconds."""
    environ = {name.upper(): value for name, value in on_s3.items()}
    assert diagnose(environ).exit_code == 0
    wrong = diagnose({**environ, "MINIO_SECRET_KEY": "hunter2hunter2"})
    assert "MINIO_SECRET_KEY" in wrong.of("storage")["says"]
    assert "chitram config show" in wrong.of("storage")["cure"]
    assert "hunter2" not in wrong.output
    swift.pause()
    try:
        frozen = diagnose(environ).of("storage")
    finally:
        swift.resume()
    assert "no answer in time" in frozen["says"]

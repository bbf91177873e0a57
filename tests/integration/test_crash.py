"""What is left behind by a process that dies between two writes is made up for at the next start."""

import asyncio
import os
from pathlib import Path

from chitram.adapters.blobs_disk import DiskStorage
from chitram.adapters.ring_cache import CachedImages
from chitram.domain.identifiers import ImageId, new_image_id
from chitram.domain.thumbnail import original_key, thumbnail_keys
from chitram.services.job_ports import Job
from chitram.services.thumbnails import Thumbnailer
from tests.api import API, show, status_of, thumbnails_ready, upload
from tests.waiting import until


def files(directory: Path) -> set[str]:
    """Every stored file's path below the storage. `os.walk` does not mind directories that a sweep takes away."""
    root = directory / "blobs"
    return {Path(folder, name).relative_to(root).as_posix() for folder, _, names in os.walk(root) for name in names}


async def test_owed_thumbnails_are_made_at_the_next_start(start_service, monkeypatch):
    """The first process dies before it made them."""

    async def die(*_anything: object) -> None:
        """Never come to an end."""
        await asyncio.Event().wait()

    with monkeypatch.context() as dying:
        dying.setattr(Thumbnailer, "perform", die)
        first = await start_service()
        fields = await upload(first)
        assert (await show(first, fields["id"]))[1]["thumbnail_ready"] is False
        await first.close()
    second = await start_service()
    await thumbnails_ready(second, fields["id"])
    assert await status_of(second, f"{API}/images/{fields['id']}/thumbnail") == 200


async def test_files_without_a_row_do_not_survive_a_start(start_service, tmp_path: Path):
    """An original stored before its row, thumbnails of a deleted picture, a half-received upload."""
    first = await start_service()
    fields = await upload(first)
    await thumbnails_ready(first, fields["id"])
    kept = files(tmp_path)
    await first.close()
    storage = DiskStorage(tmp_path / "blobs")
    await storage.put(original_key(new_image_id()), b"lost")
    await storage.put(thumbnail_keys(new_image_id())[0], b"lost")
    (tmp_path / "blobs" / "staging" / "tmp123").write_bytes(b"half")
    (tmp_path / "blobs" / "README").write_bytes(b"somebody else's")
    second = await start_service()
    await until(lambda: files(tmp_path) == kept | {"README"})
    assert await status_of(second, fields["url"]) == 200


async def test_another_process_s_upload_is_not_swept(start_service, tmp_path: Path):
    """Without the storage for itself, a service leaves young files alone."""
    storage = DiskStorage(tmp_path / "blobs")
    young = original_key(new_image_id())
    await storage.put(young, b"being uploaded elsewhere")
    service = await start_service(sole=False)
    fields = await upload(service)
    await thumbnails_ready(service, fields["id"])
    assert young in files(tmp_path)


async def test_a_failing_storage_never_brings_a_row_back(service, monkeypatch, tmp_path: Path):
    """The picture is gone for everyone; its files go with a later sweep."""
    from chitram.domain.errors import ServiceUnavailable  # noqa: PLC0415  only here

    async def fails(*_anything: object) -> None:
        raise ServiceUnavailable

    fields = await upload(service)
    await thumbnails_ready(service, fields["id"])
    monkeypatch.setattr(DiskStorage, "delete", fails)
    path = f"{API}/images/{fields['id']}"
    headers = {"X-Delete-Token": fields["delete_token"]}
    assert await status_of(service, path, method="DELETE", headers=headers) == 204
    assert await status_of(service, path) == 404
    assert await status_of(service, fields["url"]) == 404
    assert files(tmp_path)


async def test_a_storage_of_another_database_is_left_alone(start_service, tmp_path: Path, logged):
    """More pictures without a row than a crash can leave: the database is the wrong one, and nothing is removed."""
    storage = DiskStorage(tmp_path / "blobs")
    strange = {original_key(new_image_id()) for _ in range(30)}
    for key in strange:
        await storage.put(key, b"somebody's only copy")
    await start_service()
    found = "too many pictures in the storage are not in the database: is it the right one? Nothing was removed"
    await until(lambda: bool(logged.events(found)))
    assert (logged.events(found)[0]["missing"], logged.events(found)[0]["pictures"]) == (30, 30)
    assert files(tmp_path) == strange


async def test_a_picture_that_is_deleted_while_it_is_drawn_leaves_nothing(start_service, monkeypatch, tmp_path: Path):
    """Its thumbnails are stored after its files were removed, and removed when they cannot be settled."""
    reached, go = asyncio.Event(), asyncio.Event()
    settle = CachedImages.settle_thumbnails

    async def late(self: CachedImages, image_id: ImageId, *, reason: str | None = None, job: Job | None = None) -> bool:
        reached.set()
        await go.wait()
        return await settle(self, image_id, reason=reason, job=job)

    monkeypatch.setattr(CachedImages, "settle_thumbnails", late)
    service = await start_service()
    fields = await upload(service)
    await asyncio.wait_for(reached.wait(), 15)
    before = files(tmp_path)
    assert set(thumbnail_keys(fields["id"])) <= before
    token = {"X-Delete-Token": fields["delete_token"]}
    assert await status_of(service, f"{API}/images/{fields['id']}", method="DELETE", headers=token) == 204
    for key in thumbnail_keys(fields["id"]):  # as if they were written by a slower process, after the deletion
        (tmp_path / "blobs" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "blobs" / key).write_bytes(b"late")
    go.set()
    await until(lambda: not files(tmp_path))

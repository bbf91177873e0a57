"""`chitram backup` of a stack that goes on taking pictures, and `chitram restore` of what it has taken."""

import gzip
import hashlib
import json
import os
import sqlite3
import tarfile
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest

from chitram.domain.thumbnail import original_key, thumbnail_keys
from tests.api import API, api_key, register, status_of, thumbnails_ready, upload
from tests.cli.commands import Commands
from tests.cli.stack import fetch, request, upload_picture
from tests.pictures import picture
from tests.servers.command import Chitram


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """A directory for backups, and for a stack whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory:
        yield Path(directory)


class Visitors:
    """Upload one picture after the other, and delete every third, until told to stop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.kept: dict[str, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        seed = 1000
        while not self._stop.is_set():
            seed += 1
            fields = upload_picture(self._url, seed=seed)
            if seed % 3:
                self.kept[fields["id"]] = seed
            else:
                delete(self._url, fields)


def delete(url: str, fields: dict[str, Any]) -> None:
    """By the token that came with the upload."""
    status = request("DELETE", f"{url}{API}/images/{fields['id']}", headers={"X-Delete-Token": fields["delete_token"]})
    assert status == 204


def originals(url: str, ids: list[str]) -> dict[str, bytes]:
    """Their bytes."""
    return {image_id: fetch(f"{url}{API}/images/{image_id}/file")[0] for image_id in ids}


def ids_in(database: Path) -> list[str]:
    """Every picture that a database knows."""
    connection = sqlite3.connect(database)
    found = [row[0] for row in connection.execute("SELECT id FROM images ORDER BY id")]
    connection.close()
    return found


def log_of(database: Path) -> str:
    """The identity of a database's invalidation log."""
    connection = sqlite3.connect(database)
    (found,) = connection.execute("SELECT log FROM cache_clock").fetchone()
    connection.close()
    return str(found)


def test_every_picture_comes_back_identical_from_a_backup_under_uploads(chitram: Chitram, data: Path, elsewhere: Path):
    """Those of before it are all there; those of meanwhile are whole or not there; no node shows the past."""
    up = chitram("up", "--port", 0, "--data", data)
    url = up.wait_for("ready ")
    before = {upload_picture(url, seed=seed)["id"]: seed for seed in range(12)}
    with Visitors(url) as visitors:
        taken = chitram("backup", elsewhere / "copy.tar", "--data", data, "--json")
        assert taken.wait() == 0, taken.errors
    report = json.loads("\n".join(taken.lines))
    assert visitors.kept
    up.close()
    restored = chitram("restore", elsewhere / "copy.tar", "--data", elsewhere / "new")
    assert restored.wait() == 0, restored.errors
    back = ids_in(elsewhere / "new" / "chitram.db")
    assert len(back) == report["pictures"]
    seeds = before | visitors.kept
    assert set(before) <= set(back)
    url = chitram("up", "--port", 0, "--data", elsewhere / "new").wait_for("ready ")
    found = originals(url, back)
    assert {image_id: found[image_id] for image_id in before} == {i: picture(seed=seed) for i, seed in before.items()}
    # What was deleted after the moment of the copy may be in it; its bytes are then those of its upload too.
    assert all(data == picture(seed=seeds[image_id]) for image_id, data in found.items() if image_id in seeds)
    assert len(set(back) - set(seeds)) <= 1
    assert log_of(elsewhere / "new" / "chitram.db") != log_of(data / "chitram.db")


@pytest.fixture
async def stored(service, tmp_path: Path) -> tuple[Path, list[str]]:
    """A data directory with three pictures."""
    ids = [(await upload(service, picture(seed=seed)))["id"] for seed in range(3)]
    for image_id in ids:
        await thumbnails_ready(service, image_id)
    return tmp_path, sorted(ids)


@pytest.fixture
def run() -> Commands:
    """Commands that say themselves where."""
    return Commands({})


async def test_what_a_backup_holds_is_for_its_owner_alone(stored, elsewhere: Path, run):
    """Database, originals and thumbnails; no secret, and nothing for others to read."""
    data, ids = stored
    assert (await run("backup", str(elsewhere / "b.tar"), "--data", str(data))).exit_code == 0
    with tarfile.open(elsewhere / "b.tar") as tar:
        names = set(tar.getnames())
    wanted = {f"blobs/{key}" for image_id in ids for key in (original_key(image_id), *thumbnail_keys(image_id))}
    assert names == wanted | {"chitram.db", "manifest.json"}
    assert (elsewhere / "b.tar").stat().st_mode & 0o077 == 0
    assert os.listdir(elsewhere) == ["b.tar"]  # noqa: PTH208  a name alone


async def test_nothing_is_ever_written_over(stored, elsewhere: Path, run):
    """Neither a backup nor a data directory; and what is no backup is not restored."""
    data, _ = stored
    target = str(elsewhere / "b")
    assert (await run("backup", target, "--data", str(data))).exit_code == 0
    again = await run("backup", target, "--data", str(data))
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    over = await run("restore", target, "--data", str(data))
    assert (over.exit_code, "is not empty" in over.output) == (2, True)
    for nothing in (str(data), str(data / "chitram.db"), "/nowhere"):
        assert (await run("restore", nothing, "--data", str(elsewhere / "x"))).exit_code in {1, 2}
    assert not (elsewhere / "x" / "chitram.db").exists()


async def test_a_damaged_backup_is_found_out(stored, elsewhere: Path, run):
    """A bit of a picture, a lost picture, lost thumbnails; the rest comes back, with exit code 1."""
    data, ids = stored
    backup, new = elsewhere / "b", str(elsewhere / "new")
    (await run("backup", str(backup), "--data", str(data)))
    turned = backup / "blobs" / original_key(ids[0])
    turned.write_bytes(bytes([turned.read_bytes()[0] ^ 1]) + turned.read_bytes()[1:])
    (backup / "blobs" / original_key(ids[1])).unlink()
    (backup / "blobs" / thumbnail_keys(ids[2])[0]).unlink()
    said = await run("restore", str(backup), "--data", new)
    assert (said.exit_code, [image_id in said.output for image_id in ids]) == (1, [True, True, False])
    assert (await run.json("jobs", "list", "--data", new))["owed"] == 1


async def test_a_backup_with_a_damaged_database_is_refused(stored, elsewhere: Path, run):
    """And leaves the directory as empty as it was, so that another one can be tried."""
    data, ids = stored
    good, bad, new = (str(elsewhere / name) for name in ("good", "bad", "new"))
    for name in (good, bad):
        (await run("backup", name, "--data", str(data)))
    with (elsewhere / "bad" / "chitram.db").open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"\xff" * 100)
    said = await run("restore", bad, "--data", new)
    assert (said.exit_code, "checksum" in said.output) == (1, True)
    said = await run("restore", good, "--data", new)
    assert (said.exit_code, ids_in(elsewhere / "new" / "chitram.db")) == (0, ids)


async def test_what_the_storage_has_lost_is_said_and_the_rest_taken(stored, elsewhere: Path, run):
    """Exit code 1: somebody should know."""
    data, ids = stored
    (data / "blobs" / original_key(ids[1])).unlink()
    said = await run("backup", str(elsewhere / "b"), "--data", str(data))
    assert (said.exit_code, f"lost or damaged in the storage already: {ids[1]}" in said.output) == (1, True)
    assert "2 pictures" in said.output
    assert (elsewhere / "b" / "manifest.json").exists()


async def test_a_database_on_a_server_has_its_own_means(elsewhere: Path):
    """Which are named, with what must follow."""
    said = await Commands({"database_url": "postgresql://h/x"})("backup", str(elsewhere / "b"))
    assert said.exit_code == 2
    assert "pg_dump" in said.output
    assert "chitram ring renew" in said.output


def lead_astray(backup: Path, **changed: str) -> None:
    """Let the database in a backup say something else of its first picture, with the checksum that fits."""
    file = backup / "chitram.db"
    with closing(sqlite3.connect(file)) as connection, connection:
        columns = ", ".join(f"{name} = ?" for name in changed)
        first = "id = (SELECT min(id) FROM images)"
        connection.execute(f"UPDATE images SET {columns} WHERE {first}", tuple(changed.values()))
    manifest = json.loads((backup / "manifest.json").read_text())
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    (backup / "manifest.json").write_text(json.dumps(manifest | {"database_sha256": digest}))


def planted(directory: Path) -> list[Path]:
    """What a hostile backup has brought."""
    return list(directory.rglob("planted"))


@pytest.mark.parametrize("key", ["{out}/planted", "../../planted", "originals/../../../planted"])
@pytest.mark.parametrize("as_tar", [False, True])
async def test_a_backup_cannot_write_outside_of_the_data_directory(stored, elsewhere: Path, run, key, as_tar):
    """Its database names the files that come back, and whoever made it may mean harm."""
    backup, new = elsewhere / "b", elsewhere / "deep" / "new"
    await run("backup", str(backup), "--data", str(stored[0]))
    hostile = key.format(out=elsewhere)
    lead_astray(backup, blob_key=hostile)
    (elsewhere / "payload").write_bytes(b"harm")
    if as_tar:
        with tarfile.open(elsewhere / "b.tar", "w") as tar:
            tar.add(backup, ".")
            for member in ("chitram.db", "manifest.json"):
                tar.add(backup / member, member)
            tar.add(elsewhere / "payload", "x")
            tar.getmembers()[-1].name = f"blobs/{hostile}"
    source = elsewhere / "b.tar" if as_tar else backup
    said = await run("restore", str(source), "--data", str(new))
    assert (said.exit_code, "means harm" in said.output) == (1, True)
    assert not planted(elsewhere)
    assert [path.name for path in new.iterdir()] == ["lock"]


async def test_a_link_in_a_backup_brings_nothing_in_from_outside(stored, elsewhere: Path, run):
    """Else whoever restores a stranger's backup shows strangers his own files."""
    data, ids = stored
    await run("backup", str(elsewhere / "b"), "--data", str(data))
    (elsewhere / "secret").write_text("of this machine")
    original = elsewhere / "b" / "blobs" / original_key(ids[0])
    original.unlink()
    original.symlink_to(elsewhere / "secret")
    said = await run("restore", str(elsewhere / "b"), "--data", str(elsewhere / "new"))
    assert (said.exit_code, ids[0] in said.output) == (1, True)
    assert not (elsewhere / "new" / "blobs" / original_key(ids[0])).exists()


@pytest.mark.parametrize("harm", ["cut off", "cut in its list", "packed", "endless"])
async def test_a_tar_that_is_not_whole_is_said_to_be(stored, elsewhere: Path, run, harm):
    """In a sentence; a file of no bytes that says it is long costs no disk."""
    backup = elsewhere / "b.tar"
    await run("backup", str(backup), "--data", str(stored[0]))
    whole = backup.read_bytes()
    with tarfile.open(backup) as tar:
        last = max(tar.getmembers(), key=lambda member: member.offset)
        database = tar.getmember("chitram.db")
    if harm == "packed":
        backup.write_bytes(gzip.compress(whole))
    elif harm == "endless":
        header = tarfile.TarInfo("chitram.db")
        header.type, header.size = tarfile.GNUTYPE_SPARSE, 0
        block = bytearray(header.tobuf(tarfile.GNU_FORMAT))
        block[386:410] = b"%011o\0%011o\0" % (0, 0)
        block[483:495] = b"%011o\0" % (1 << 32)
        block[148:156] = b"%06o\0 " % (sum(block[:148]) + sum(block[156:512]) + 8 * 32)
        backup.write_bytes(bytes(block) + whole[last.offset : last.offset_data + 512] + bytes(10240))
    else:
        backup.write_bytes(whole[: database.offset_data + 700 if harm == "cut off" else database.offset + 100])
    said = await run("restore", str(backup), "--data", str(elsewhere / "new"))
    assert said.exit_code in {1, 2}
    assert "no whole backup" in said.output or "it has no" in said.output or "has no database" in said.output
    assert not (elsewhere / "new" / "chitram.db").exists()


async def test_api_keys_come_back_and_go_on_working(service, start_service, tmp_path: Path, elsewhere: Path, run):
    """They are in the backup as hashes alone: whoever finds it has no key."""
    made = await api_key(service, await register(service), "read")
    await run("backup", str(elsewhere / "b"), "--data", str(tmp_path))
    assert made["key"][4:16].encode() not in (elsewhere / "b" / "chitram.db").read_bytes()
    assert (await run("restore", str(elsewhere / "b"), "--data", str(elsewhere / "new"))).exit_code == 0
    restored = await start_service(database_url=f"sqlite:///{elsewhere}/new/chitram.db")
    assert await status_of(restored, f"{API}/users/me", token=made["key"]) == 200

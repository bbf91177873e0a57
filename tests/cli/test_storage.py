"""`chitram storage` on what a real service has stored."""

import os
import time
from pathlib import Path

import pytest

from chitram.domain.identifiers import new_image_id
from chitram.domain.thumbnail import original_key
from tests.api import thumbnails_ready, upload
from tests.cli.commands import Commands
from tests.pictures import picture


@pytest.fixture
def chitram(own_settings) -> Commands:
    """Commands on the service's database and storage."""
    return Commands(own_settings)


@pytest.fixture
def blobs(own_settings) -> Path:
    """The storage's directory."""
    return Path(str(own_settings["local_storage_path"]))


@pytest.fixture
async def pictures(service) -> list[str]:
    """The ids of six pictures, in their order."""
    fields = [await upload(service, picture(seed=seed)) for seed in range(6)]
    for one in fields:
        await thumbnails_ready(service, one["id"])
    return sorted(one["id"] for one in fields)


async def test_verify_reads_every_original(chitram, pictures):
    """And is content when all of them are as they were uploaded."""
    said = await chitram("storage", "verify")
    assert (said.exit_code, "6 originals" in said.output, "all as uploaded" in said.output) == (0, True, True)
    assert (await chitram.json("storage", "verify", "--sample", "2"))["read"] == 2
    assert (await chitram.json("storage", "verify", "--after", pictures[3]))["read"] == 2


async def test_verify_names_what_is_missing_and_what_is_damaged(chitram, pictures, blobs):
    """A lost file, a short one, one with a bit turned; exit code 1."""
    lost, short, turned = (blobs / original_key(image_id) for image_id in pictures[:3])
    lost.unlink()
    short.write_bytes(short.read_bytes()[:-1])
    turned.write_bytes(bytes([turned.read_bytes()[0] ^ 1]) + turned.read_bytes()[1:])
    said = await chitram("storage", "verify")
    found = {wrong["id"]: wrong["state"] for wrong in (await chitram.json("storage", "verify"))["wrong"]}
    assert said.exit_code == 1
    assert found == {pictures[0]: "missing", pictures[1]: "damaged", pictures[2]: "damaged"}
    assert all(image_id in said.output for image_id in found)
    assert all(image_id not in said.output for image_id in pictures[3:])


async def test_verify_stops_when_the_storage_is_away(chitram, pictures, blobs):
    """It is not six lost pictures."""
    blobs.rename(blobs.with_name("away"))
    blobs.write_text("no directory")
    said = await chitram("storage", "verify")
    assert (said.exit_code, "cannot be written or read" in said.output) == (1, True)
    assert "missing" not in said.output


def orphan(blobs: Path, *, hours: float) -> Path:
    """A file of no picture, last touched so long ago."""
    path = blobs / original_key(new_image_id())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"nobody's")
    moment = time.time() - hours * 3600
    os.utime(path, (moment, moment))
    return path


async def test_gc_says_what_would_go_then_what_went(chitram, pictures, blobs):
    """Old files of no picture go, young ones and those of pictures stay; nothing without a yes."""
    old, young = orphan(blobs, hours=2), orphan(blobs, hours=0.5)
    planned = await chitram.json("storage", "gc", "--dry-run")
    assert [file["key"] for file in planned["which"]] == [old.relative_to(blobs).as_posix()]
    unasked = await chitram("storage", "gc")
    assert (unasked.exit_code, "add --yes" in unasked.output, old.exists()) == (2, True, True)
    done = await chitram("storage", "gc", "--yes")
    assert (done.exit_code, "removed 1 file of no picture" in done.output) == (0, True)
    assert (old.exists(), young.exists()) == (False, True)
    assert (await chitram("storage", "verify")).exit_code == 0


async def test_gc_removes_nothing_when_the_database_is_probably_another_one(chitram, pictures, blobs):
    """More unknown pictures than crashes leave."""
    strangers = [orphan(blobs, hours=2) for _ in range(25)]
    for arguments in (["--dry-run"], ["--yes"]):
        refused = await chitram("storage", "gc", *arguments)
        assert (refused.exit_code, "is it the right one? Nothing was removed" in refused.output) == (1, True)
    assert all(path.exists() for path in strangers)

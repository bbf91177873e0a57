"""`chitram storage` on what a real service has stored."""

import asyncio
import json
import os
import re
import time
from pathlib import Path

import pytest

from chitram.domain.identifiers import new_image_id, short_id
from chitram.domain.thumbnail import original_key
from tests.api import thumbnails_ready, upload
from tests.cli.commands import Commands
from tests.pictures import picture

STUCK_AT_THE_SIXTH = """
import asyncio, itertools
from chitram.adapters.blobs_disk import DiskBlob
from chitram.cli import main
read, number = DiskBlob.read, itertools.count(1)
async def slow(self, start, stop):
    if next(number) == 6:
        print("reading the sixth", flush=True)
        await asyncio.sleep(1000)
    async for chunk in read(self, start, stop):
        yield chunk
DiskBlob.read = slow
main()
"""


@pytest.fixture
def commands(own_settings) -> Commands:
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


async def test_verify_reads_every_original(commands, pictures):
    """And is content when all of them are as they were uploaded."""
    said = await commands("storage", "verify")
    assert (said.exit_code, "6 originals" in said.output, "all as uploaded" in said.output) == (0, True, True)
    assert re.search(r"originals \([\d.]+ KB\) read", said.output)
    assert (await commands.json("storage", "verify", "--sample", "2"))["read"] == 2
    assert (await commands.json("storage", "verify", "--after", pictures[3]))["read"] == 2


async def test_verify_goes_on_behind_a_short_id(commands, pictures, blobs):
    """Which sorts otherwise than the ids: what lies behind it is read, and found lost."""
    (blobs / original_key(pictures[4])).unlink()
    said = await commands("storage", "verify", "--after", short_id(pictures[3]))
    assert (said.exit_code, pictures[4] in said.output, "2 originals" in said.output) == (1, True, True)


@pytest.mark.parametrize("text", ["zzz", "", "zzzzzzzzzzzz", "51E6E972-E59E-8E37-84E2-F12D6A1B2F4D"])
@pytest.mark.parametrize("command", ["storage verify", "thumbs rebuild --all"])
async def test_nothing_goes_on_behind_what_is_no_id(commands, pictures, command, text):
    """It would say that all is well, having read nothing."""
    said = await commands(*command.split(), "--after", text)
    assert (said.exit_code, "use the 36 or the 12 characters" in said.output) == (2, True)


async def test_verify_says_so_when_there_was_nothing_to_read(commands, pictures):
    """Behind the last picture there is none."""
    said = await commands("storage", "verify", "--after", pictures[-1])
    assert (said.exit_code, "no original was read" in said.output, "as uploaded" in said.output) == (0, True, False)


async def test_verify_names_what_is_missing_and_what_is_damaged(commands, pictures, blobs):
    """A lost file, a short one, one with a bit turned; exit code 1."""
    lost, short, turned = (blobs / original_key(image_id) for image_id in pictures[:3])
    lost.unlink()
    short.write_bytes(short.read_bytes()[:-1])
    turned.write_bytes(bytes([turned.read_bytes()[0] ^ 1]) + turned.read_bytes()[1:])
    said = await commands("storage", "verify")
    found = {wrong["id"]: wrong["state"] for wrong in (await commands.json("storage", "verify"))["wrong"]}
    assert said.exit_code == 1
    assert found == {pictures[0]: "missing", pictures[1]: "damaged", pictures[2]: "damaged"}
    assert all(image_id in said.output for image_id in found)
    assert all(image_id not in said.output for image_id in pictures[3:])


async def test_verify_stops_when_the_storage_is_away(commands, pictures, blobs):
    """It is not six lost pictures."""
    blobs.rename(blobs.with_name("away"))
    blobs.write_text("no directory")
    said = await commands("storage", "verify")
    assert (said.exit_code, "cannot be written or read" in said.output) == (1, True)
    assert "missing" not in said.output


async def test_an_interrupted_verification_says_where_to_go_on(chitram, commands, pictures):
    """Exit code 130; the rest is read by the command that it names."""
    started = chitram("storage", "verify", "--json", script=STUCK_AT_THE_SIXTH, environ=commands.environ)
    await asyncio.to_thread(started.wait_for, "reading the sixth")
    started.interrupt()
    assert await asyncio.to_thread(started.wait) == 130
    found = json.loads("\n".join(started.lines[1:]))
    assert (found["read"], f"--after {pictures[3]}" in found["stopped"]) == (4, True)
    assert (await commands.json("storage", "verify", "--after", pictures[3]))["read"] == 2


def orphan(blobs: Path, *, hours: float) -> Path:
    """A file of no picture, last touched so long ago."""
    path = blobs / original_key(new_image_id())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"nobody's")
    moment = time.time() - hours * 3600
    os.utime(path, (moment, moment))
    return path


async def test_gc_says_what_would_go_then_what_went(commands, pictures, blobs):
    """Old files of no picture go, young ones and those of pictures stay; nothing without a yes."""
    old, young = orphan(blobs, hours=2), orphan(blobs, hours=0.5)
    planned = await commands.json("storage", "gc", "--dry-run")
    assert [file["key"] for file in planned["which"]] == [old.relative_to(blobs).as_posix()]
    unasked = await commands("storage", "gc")
    assert (unasked.exit_code, "add --yes" in unasked.output, old.exists()) == (2, True, True)
    done = await commands("storage", "gc", "--yes")
    assert (done.exit_code, "removed 1 file of no picture" in done.output) == (0, True)
    assert (old.exists(), young.exists()) == (False, True)
    assert (await commands("storage", "verify")).exit_code == 0


async def test_gc_removes_nothing_when_the_database_is_probably_another_one(commands, pictures, blobs):
    """More unknown pictures than crashes leave."""
    strangers = [orphan(blobs, hours=2) for _ in range(25)]
    for arguments in (["--dry-run"], ["--yes"]):
        refused = await commands("storage", "gc", *arguments)
        assert (refused.exit_code, "is it the right one? Nothing was removed" in refused.output) == (1, True)
    assert all(path.exists() for path in strangers)

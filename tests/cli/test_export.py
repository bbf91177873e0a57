"""`chitram export`: an account in one file that appears whole or not at all."""

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from click.testing import CliRunner

from chitram.cli import main
from chitram.domain.thumbnail import original_key
from tests.api import Client, register, upload
from tests.archives import assert_whole, unpacked
from tests.cli.commands import Commands
from tests.pictures import noise, picture
from tests.waiting import until


@pytest.fixture
def chitram(own_settings) -> Commands:
    """Commands on the service's database and storage."""
    return Commands(own_settings)


@pytest.fixture
async def pictures(service: Client) -> dict[str, bytes]:
    """Ann's, by id; the service goes on running."""
    token = await register(service)
    originals = [picture(), noise((700, 500)), picture("image/webp")]
    return {(await upload(service, data, token=token))["id"]: data for data in originals}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with nothing else in it."""
    (tmp_path / "place").mkdir()
    return tmp_path / "place"


async def test_everything_is_in_the_file(pictures, chitram, place, tmp_path):
    """Byte for byte, for its owner alone, with nothing beside it."""
    target = place / "ann.zip"
    said = await chitram.json("export", "Ann@Example.com", "-o", str(target))
    assert (said["pictures"], said["bytes"], said["problems"]) == (3, sum(map(len, pictures.values())), [])
    assert list(place.iterdir()) == [target]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    found = unpacked(target.read_bytes(), tmp_path)
    assert {image_id: found.original(image_id) for image_id in found.images} == pictures
    assert found.manifest["account"]["email"] == "ann@example.com"


async def test_on_postgresql_it_is_the_same(start_service, on_postgres, own_settings, place, tmp_path):
    """The other database."""
    settings = {**own_settings, **on_postgres}
    service = await start_service(**on_postgres)
    fields = await upload(service, token=await register(service))
    await Commands(settings)("export", "ann@example.com", "-o", str(place / "ann.zip"))
    assert unpacked((place / "ann.zip").read_bytes(), tmp_path).original(fields["id"]) == picture()


async def test_what_is_lost_or_damaged_is_named(pictures, chitram, place, tmp_path):
    """The rest is there, and the exit code says that it is not all."""
    lost, damaged, _ = pictures
    (tmp_path / "blobs" / original_key(lost)).unlink()
    (tmp_path / "blobs" / original_key(damaged)).write_bytes(b"x")
    said = await chitram("export", "ann@example.com", "-o", str(place / "ann.zip"))
    assert said.exit_code == 1
    assert f"{lost}: The original is lost" in said.output
    assert f"{damaged}: The original is damaged" in said.output
    assert "1 picture as uploaded" in said.output
    assert_whole(place / "ann.zip")


async def test_nothing_is_written_over_unless_it_is_told_to(pictures, chitram, place):
    """And a mistake in the call leaves nothing."""
    target = place / "ann.zip"
    target.write_bytes(b"mine")
    refused = await chitram("export", "ann@example.com", "-o", str(target))
    assert (refused.exit_code, "--force" in refused.output, target.read_bytes()) == (2, True, b"mine")
    nobody = await chitram("export", "eve@example.com", "-o", str(place / "eve.zip"))
    assert (nobody.exit_code, "no account eve@example.com" in nobody.output) == (1, True)
    assert (await chitram("export", "ann@example.com", "-o", str(place / "no" / "a.zip"))).exit_code == 2
    assert (await chitram("export", "ann@example.com", "-o", str(place))).exit_code == 2
    assert list(place.iterdir()) == [target]
    assert (await chitram("export", "ann@example.com", "-o", str(target), "--force")).exit_code == 0
    assert_whole(target)


async def test_it_can_be_piped_on(pictures, chitram, tmp_path):
    """The archive alone goes to stdout, what there is to say to stderr."""
    said = await asyncio.to_thread(
        CliRunner().invoke, main, ["export", "ann@example.com", "-o", "-", "--json"], env=chitram.environ
    )
    found = unpacked(said.stdout_bytes, tmp_path)
    assert {image_id: found.original(image_id) for image_id in found.images} == pictures
    assert json.loads(said.stderr)["pictures"] == 3


def interrupted(environ: Mapping[str, str], place: Path) -> tuple[int, str]:
    """Start an export, press Ctrl-C once something is written, and see how it ends."""
    command = [sys.executable, "-m", "chitram", "export", "ann@example.com", "-o", str(place / "ann.zip")]
    child = subprocess.Popen(command, env=environ, stderr=subprocess.PIPE, text=True)
    asyncio.run(until(lambda: any(path.stat().st_size for path in place.iterdir())))
    child.send_signal(signal.SIGINT)
    errors = child.communicate()[1]
    return child.returncode, errors


async def test_an_interrupted_one_leaves_nothing(service, chitram, place, tmp_path):
    """Ctrl-C in the middle: 130, and no file under any name."""
    token = await register(service)
    older = await upload(service, token=token)
    await upload(service, noise((700, 500)), token=token)
    os.truncate(tmp_path / "blobs" / original_key(older["id"]), 2**34)  # it will take a while to read this one
    code, errors = await asyncio.to_thread(interrupted, chitram.environ, place)
    assert (code, list(place.iterdir())) == (130, [])
    assert "Traceback" not in errors
    assert "nothing was left" in errors

"""`chitram jobs` and `chitram thumbs`: thumbnails that were given up, lost, or drawn badly."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import update

from chitram.adapters.database import Database
from chitram.adapters.tables import images
from chitram.domain.identifiers import new_image_id, short_id
from chitram.domain.thumbnail import original_key, thumbnail_keys
from tests.api import API, show, status_of, thumbnails_ready, upload
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
async def given_up(start_service, own_settings, blobs):
    """A service, and two pictures whose thumbnails were given up."""
    service = await start_service()
    fields = [await upload(service, picture(seed=seed)) for seed in range(2)]
    for one in fields:
        await thumbnails_ready(service, one["id"])
    shutil.rmtree(blobs / "thumbnails")
    database = Database(own_settings["database_url"])
    async with database.write() as connection:
        await connection.execute(update(images).values(thumbnails="failed"))
    await database.close()
    return service, sorted(one["id"] for one in fields)


async def test_a_running_service_makes_what_is_retried(given_up, chitram):
    """One by its id; the other stays given up until all are retried."""
    service, (first, second) = given_up
    dead = await chitram("jobs", "dead")
    assert (dead.exit_code, first in dead.output, second in dead.output) == (1, True, True)
    assert (await chitram.json("jobs", "retry", first))["retried"] == [first]
    await thumbnails_ready(service, first)
    assert (await show(service, second))[1]["thumbnails"] == "failed"
    assert "owed again for 1 picture" in (await chitram("jobs", "retry", "--all")).output
    await thumbnails_ready(service, second)
    assert await status_of(service, f"{API}/images/{second}/thumbnail") == 200
    assert (await chitram("jobs", "dead")).exit_code == 0
    assert "none was given up" in (await chitram("jobs", "retry", "--all")).output


async def test_list_counts_what_is_owed(chitram, own_settings, service):
    """The oldest first, with their number."""
    image_id = (await upload(service))["id"]
    await thumbnails_ready(service, image_id)
    database = Database(own_settings["database_url"])
    async with database.write() as connection:
        await connection.execute(update(images).values(thumbnails="pending"))
    await database.close()
    found = await chitram.json("jobs", "list")
    assert (found["owed"], found["dead"], [job["id"] for job in found["jobs"]]) == (1, 0, [image_id])
    assert image_id in (await chitram("jobs", "list")).output


async def test_two_services_leave_alone_what_the_other_has_made(given_up, chitram, start_service):
    """Nothing is owed any more, so nothing is taken up again."""
    _, (first, second) = given_up
    other = await start_service(sole=False)
    await chitram("jobs", "retry", "--all")
    for image_id in (first, second):
        await thumbnails_ready(other, image_id)
    found = await chitram.json("jobs", "list")
    assert (found["owed"], found["dead"]) == (0, 0)


async def test_rebuild_draws_what_is_lost(service, chitram, blobs):
    """Of one picture, then of all of them; the service shows them at once."""
    ids = [(await upload(service, picture(seed=seed)))["id"] for seed in range(3)]
    for image_id in ids:
        await thumbnails_ready(service, image_id)
    shutil.rmtree(blobs / "thumbnails")
    assert "thumbnails of 1 picture made" in (await chitram("thumbs", "rebuild", ids[0])).output
    assert all((blobs / key).exists() for key in thumbnail_keys(ids[0]))
    assert not any((blobs / key).exists() for key in thumbnail_keys(ids[1]))
    assert (await chitram.json("thumbs", "rebuild", "--all"))["made"] == 3
    assert (await chitram.json("thumbs", "rebuild", "--all", "--after", short_id(min(ids))))["made"] == 2
    for image_id in ids:
        assert await status_of(service, f"{API}/images/{image_id}/thumbnail") == 200


async def test_rebuild_names_what_cannot_be_drawn(service, chitram, blobs):
    """A lost original and an unknown picture: exit code 1, and the others are made."""
    ids = sorted([(await upload(service, picture(seed=seed)))["id"] for seed in range(2)])
    for image_id in ids:
        await thumbnails_ready(service, image_id)
    (blobs / original_key(ids[0])).unlink()
    unknown = new_image_id()
    said = await chitram("thumbs", "rebuild", *ids, unknown)
    assert said.exit_code == 1
    assert f"none can be made of {ids[0]}: its original is not in the storage" in said.output
    assert await status_of(service, f"{API}/images/{ids[0]}/thumbnail") == 200, "those that are there stay"
    assert f"there is no picture {unknown}" in said.output
    assert "thumbnails of 1 picture made" in said.output


@pytest.mark.parametrize("arguments", [[], ["--all", "G7kKzVd2yw4y"], ["nothing"]])
async def test_pictures_are_named_or_all_of_them_meant(chitram, arguments):
    """Anything else is a mistake in the call."""
    assert (await chitram("thumbs", "rebuild", "G7kKzVd2yw4y", "--after", "G7kKzVd2yw4y")).exit_code == 2
    for command in ("jobs retry", "thumbs rebuild"):
        assert (await chitram(*command.split(), *arguments)).exit_code == 2

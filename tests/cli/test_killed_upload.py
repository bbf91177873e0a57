"""`kill -9` of the whole stack while pictures arrive: what was answered is kept, what was not leaves nothing."""

import asyncio
import hashlib
import json
import os
import signal
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession

from tests.api import API, upload_form
from tests.cli.stack import fetch
from tests.pictures import noise
from tests.servers.command import Chitram
from tests.waiting import until

Moment = Callable[[Path], bool]


def receiving(data: Path) -> bool:
    """A body is on its way to a temporary file."""
    return any((data / "blobs" / "staging").glob("*"))


def stored(data: Path) -> bool:
    """An original has its name; its row may or may not be there."""
    return len(files(data, "originals")) >= 2


def drawing(data: Path) -> bool:
    """Some thumbnails of a picture are there and others are not."""
    return any(len(list(folder.iterdir())) not in {0, 6} for folder in (data / "blobs" / "thumbnails").glob("*/*"))


def files(data: Path, kind: str) -> set[str]:
    """The image ids that have files of this kind. `os.walk` does not mind directories that a sweep takes away."""
    root = data / "blobs" / kind
    found = (Path(folder, name).relative_to(root) for folder, _, names in os.walk(root) for name in names)
    return {path.parts[1] for path in found}


def rows(data: Path) -> dict[str, str]:
    """Digests of all images by id, read behind the service's back."""
    with closing(sqlite3.connect(data / "chitram.db")) as database:
        return dict(database.execute("SELECT id, sha256 FROM images"))


def listed(url: str) -> set[str]:
    """The ids in the public list, page by page: how many pictures fit in before the moment is up to the machine."""
    found: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        page = json.loads(fetch(f"{url}{API}/images?limit=100&cursor={cursor}")[0])
        found |= {item["id"] for item in page["items"]}
        cursor = page["next_cursor"]
    return found


async def upload_until_killed(url: str, answered: list[str]) -> None:
    """One picture after the other; the ids of those that were answered."""
    async with ClientSession() as session:
        while True:
            form = upload_form(noise((900, 700)), visibility="public")
            try:
                async with session.post(f"{url}{API}/images/upload", data=form) as answer:
                    answered.append((await answer.json())["id"])
            except ClientError:
                return


@pytest.mark.parametrize("moment", [receiving, stored, drawing], ids=lambda moment: moment.__name__)
def test_killed_while_pictures_arrive(chitram: Chitram, data: Path, moment: Moment):
    """At three moments of an upload, with four clients at it."""
    answered: list[str] = []
    up = chitram("up", "--port", 0, "--data", data)
    url = up.wait_for("ready ")

    async def kill_at_the_moment() -> None:
        clients = [asyncio.create_task(upload_until_killed(url, answered)) for _ in range(4)]
        await until(lambda: moment(data))
        up.interrupt(signal.SIGKILL)
        await asyncio.gather(*clients)

    asyncio.run(kill_at_the_moment())
    up.wait()
    url = chitram("up", "--port", 0, "--data", data).wait_for("ready ")
    kept = rows(data)
    assert set(answered) <= set(kept)
    for image_id, sha256 in kept.items():
        assert hashlib.sha256(fetch(f"{url}{API}/images/{image_id}/file")[0]).hexdigest() == sha256
    assert listed(url) == set(kept)
    asyncio.run(until(lambda: files(data, "originals") == set(kept) and not receiving(data)))
    asyncio.run(until(lambda: files(data, "thumbnails") == set(kept)))

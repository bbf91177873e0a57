"""The guarantee against real servers, seen by clients, while nodes, links, processes and the node set change.

FAULTS_SECONDS says for how long (45), FAULTS_SEED replays a schedule; `make faults SECONDS=600` prints the numbers.
"""

import asyncio
import os
import random
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
import uvloop

from chitram.embedded.binary import Binary
from tests.faults import broken_service
from tests.faults.faults import Faults
from tests.faults.load import Load
from tests.faults.report import Report
from tests.faults.schedule import schedule
from tests.faults.stage import staged
from tests.waiting import until

SECONDS = float(os.environ.get("FAULTS_SECONDS", "45"))
SEED = int(os.environ.get("FAULTS_SEED") or random.randrange(10**6))
NOTICED_WITHIN = 60.0

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(SECONDS + 240),
    pytest.mark.skipif(sys.platform != "linux", reason="links are told apart by /proc/self/cwd, which Linux has"),
]


@pytest.fixture
def root():
    """A directory whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory:
        yield Path(directory)


async def under_faults(root: Path, binary: Binary, url: str) -> Report:
    """Load a stage while a schedule of faults happens, to its end, when everything must be well again."""
    async with staged(root, binary, url) as stage:
        load, faults = Load(stage, SEED), Faults(stage)
        await load.prepare()
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run())
            await faults.happen(schedule(SEED, SECONDS))
            await stage.whole()
            load.over = True
        await load.read_everything()
        print(f"\nseed {SEED}, {SECONDS:g} s\n{load.report.lines(faults.happened)}")  # noqa: T201  the numbers are what `make faults` is for
        return load.report


async def until_noticed(root: Path, binary: Binary, url: str, command: Sequence[str]) -> Report:
    """Load a stage of broken services while faults happen, until a read broke G2 (G1 may be the first to go)."""
    async with staged(root, binary, url, command) as stage:
        load, faults = Load(stage, SEED), Faults(stage)
        await load.prepare()
        async with asyncio.TaskGroup() as group:
            tasks = [load.run(), faults.happen(schedule(SEED, NOTICED_WITHIN))]
            running = [group.create_task(task) for task in tasks]
            await until(lambda: any("(G2)" in sentence for sentence in load.report.stale), seconds=NOTICED_WITHIN)
            for task in running:
                task.cancel()
        return load.report


def test_no_read_is_stale_and_no_request_fails_whatever_happens_to_the_nodes(root, redis_binary, postgres_url):
    """G1, G2 and G3 on every answer of three processes; and the cache goes on being one."""
    report = uvloop.run(under_faults(root, redis_binary, postgres_url))
    assert report.stale == []
    assert report.failed == []
    assert report.reads["HIT"] > report.reads["MISS"]
    assert min(report.writes[method] for method in ("POST", "PATCH", "DELETE")) > 0


@pytest.mark.parametrize("part", ["acknowledgement", "replay"])
def test_a_protocol_that_lacks_a_part_is_noticed(root, redis_binary, postgres_url, part):
    """Writes that are acknowledged at once; nodes that are believed when they come back."""
    report = uvloop.run(until_noticed(root, redis_binary, postgres_url, (broken_service.__file__, part)))
    assert any("(G2)" in sentence for sentence in report.stale)

"""`chitram worker` as processes of their own beside services that make no thumbnails: who does what, whatever dies."""

import asyncio
import json
import re
import signal
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chitram.cli import main
from tests.api import API
from tests.cli.doctor import SECRET, diagnose
from tests.cli.stack import fetch, request, upload_picture
from tests.servers.command import Chitram, Running
from tests.servers.ports import free_port
from tests.servers.service import node_list
from tests.waiting import until

HANGING = """
import asyncio
from chitram.cli import main
from chitram.services import job_worker
from chitram.services.thumbnails import Thumbnailer
job_worker.LEASE_SECONDS = {lease}
async def perform(self, job):
    await asyncio.Event().wait()
Thumbnailer.perform = perform
main(["worker"])
"""
FAILING = """
from chitram.cli import main
from chitram.domain import job
from chitram.services.thumbnails import Thumbnailer
job.FIRST_PAUSE = 0.01
job.FACTOR = 1.0
async def perform(self, job):
    raise RuntimeError("this decoder has a bug")
Thumbnailer.perform = perform
main(["worker"])
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def environ(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """What services and workers share."""
    own: dict[str, str] = request.getfixturevalue("own_settings")
    database = own["database_url"] if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return environment(database, tmp_path)


@pytest.fixture
def on_sqlite(own_settings: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The same on SQLite alone: what the queue does on each database, `tests/adapters/test_jobs_sql.py` shows."""
    return environment(own_settings["database_url"], tmp_path)


def environment(database: str, place: Path) -> dict[str, str]:
    """Services leave the thumbnails to workers."""
    return {
        "DATABASE_URL": database,
        "LOCAL_STORAGE_PATH": str(place / "blobs"),
        "JOBS": "worker",
        "JWT_SECRET_KEY": SECRET,
    }


def ready(url: str, *ids: str) -> list[bool]:
    """What the service says of these pictures' thumbnails."""
    return [json.loads(fetch(f"{url}{API}/images/{image_id}")[0])["thumbnail_ready"] for image_id in ids]


def jobs(environ: dict[str, str], *words: str) -> dict[str, Any]:
    """What `chitram jobs …` prints for programs."""
    done = CliRunner().invoke(main, ["jobs", *words, "--json"], env=environ)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def metrics(url: str) -> dict[str, float]:
    """The job counts of a process."""
    rows = re.findall(r"(?m)^(chitram_jobs_[a-z_]+\{\S+) (\S+)$", fetch(f"{url}/metrics")[0].decode())
    return {series: float(value) for series, value in rows}


def done(url: str) -> float:
    """How many jobs this process has done."""
    return metrics(url)['chitram_jobs_total{kind="thumbnails",result="done"}']


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Fails when it does not come true. In a thread, since commands have an event loop of their own."""
    asyncio.run(until(lambda: asyncio.to_thread(condition), seconds=seconds))


def start_worker(chitram: Chitram, environ: dict[str, str]) -> str:
    """The address of its metrics."""
    return chitram("worker", "--concurrency", 1, "--metrics-port", free_port(), environ=environ).wait_for("ready ")


def test_two_workers_share_the_work_and_nothing_is_done_twice(chitram: Chitram, environ: dict[str, str]):
    """Forty pictures, and more until both had some: together they say as many, and each picture has its thumbnails."""
    url = chitram("serve", "--port", 0, environ=environ).wait_for("ready ")
    workers = [start_worker(chitram, environ) for _ in range(2)]
    ids = [upload_picture(url, seed=seed)["id"] for seed in range(40)]

    def shared() -> bool:
        ids.append(upload_picture(url, seed=len(ids))["id"])
        return min(map(done, workers)) > 0

    wait_until(shared)
    wait_until(lambda: all(ready(url, *ids)))
    wait_until(lambda: sum(map(done, workers)) >= len(ids))
    assert sum(map(done, workers)) == len(ids)
    assert done(url) == 0
    assert jobs(environ, "list")["owed"] == 0
    for worker in workers:
        assert [request("GET", f"{worker}{path}") for path in ("/health/live", "/health/ready", "/")] == [200, 200, 404]


def test_what_a_killed_worker_had_is_done_by_another(chitram: Chitram, environ: dict[str, str]):
    """Once its claim has ended; and nobody has it before."""
    url = chitram("serve", "--port", 0, environ=environ).wait_for("ready ")
    victim = chitram(script=HANGING.format(lease=3.0), environ=environ)
    victim.wait_for("ready ")
    ids = [upload_picture(url, seed=seed)["id"] for seed in range(3)]
    wait_until(lambda: any(job["claimed_by"] for job in jobs(environ, "list")["jobs"]))
    victim.interrupt(signal.SIGKILL)
    victim.wait()
    worker = start_worker(chitram, environ)
    wait_until(lambda: all(ready(url, *ids)))
    assert done(worker) == 3


def test_a_worker_that_is_asked_to_stop_hands_back_what_it_has(chitram: Chitram, on_sqlite: dict[str, str]):
    """At once, as if it had not begun; with a claim that would last for a quarter of an hour."""
    url = chitram("serve", "--port", 0, environ=on_sqlite).wait_for("ready ")
    leaving = chitram(script=HANGING.format(lease=900.0), environ=on_sqlite)
    leaving.wait_for("ready ")
    image_id = upload_picture(url)["id"]
    wait_until(lambda: bool(jobs(on_sqlite, "list")["jobs"][0]["claimed_by"]))
    leaving.interrupt(signal.SIGTERM)
    assert leaving.wait(10) == 0, leaving.errors
    assert "handed jobs back" in leaving.errors
    (job,) = jobs(on_sqlite, "list")["jobs"]
    assert (job["id"], job["attempts"], job["claimed_by"], job["due_seconds"]) == (image_id, 0, None, 0.0)
    start_worker(chitram, on_sqlite)
    wait_until(lambda: ready(url, image_id) == [True])


def test_a_job_that_always_fails_is_kept_for_a_person(chitram: Chitram, on_sqlite: dict[str, str]):
    """With its reason and its attempts; once the cause is mended it is retried, and done."""
    url = chitram("serve", "--port", 0, environ=on_sqlite).wait_for("ready ")
    broken = chitram(script=FAILING, environ=on_sqlite)
    broken.wait_for("ready ")
    image_id = upload_picture(url)["id"]
    wait_until(lambda: jobs(on_sqlite, "dead")["dead"] == 1)
    (job,) = jobs(on_sqlite, "dead")["jobs"]
    assert (job["id"], job["attempts"], job["reason"]) == (image_id, 5, "RuntimeError: this decoder has a bug")
    [*_, line] = [json.loads(line) for line in broken.errors.splitlines() if "a job failed unexpectedly" in line]
    assert (line["image"], bool(line["request_id"])) == (image_id, True)
    told = CliRunner().invoke(main, ["jobs", "dead"], env=on_sqlite)
    assert told.exit_code == 1
    assert re.search(rf"{image_id} .* 5 +RuntimeError: this decoder has a bug", told.output)
    assert json.loads(fetch(f"{url}{API}/images/{image_id}")[0])["thumbnails"] == "failed"
    broken.interrupt()
    broken.wait()
    assert jobs(on_sqlite, "retry", "--all")["retried"] == [image_id]
    start_worker(chitram, on_sqlite)
    wait_until(lambda: ready(url, image_id) == [True])


class Reader:
    """Reads a picture from a service again and again, as fast as it can."""

    def __init__(self, url: str, image_id: str) -> None:
        self._address = (url, image_id)
        self.seen: list[bool] = []
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._stopped.is_set():
            self.seen += ready(*self._address)

    def stop(self) -> list[bool]:
        """Everything that was seen."""
        self._stopped.set()
        self._thread.join()
        return self.seen


@pytest.fixture
def cached(postgres_url: str, redis_nodes: Any, tmp_path: Path) -> dict[str, str]:
    """Services and workers on PostgreSQL with three nodes."""
    return environment(postgres_url, tmp_path) | {"REDIS_NODES": node_list(redis_nodes)}


def test_what_a_worker_has_made_is_shown_by_every_service_at_once(chitram: Chitram, cached: dict[str, str]):
    """Nobody reads from the cache that the thumbnails are missing, once the worker says that they are made."""
    services: list[Running] = [chitram("serve", "--port", 0, environ=cached) for _ in range(2)]
    urls = [service.wait_for("ready ") for service in services]
    worker = start_worker(chitram, cached)
    for address in (*urls, worker):
        wait_until(partial(serves_three, address))
    for seed in range(3):
        fields = upload_picture(urls[0], seed=seed)
        assert fields["thumbnail_ready"] is False
        readers = [Reader(url, fields["id"]) for url in urls]
        wait_until(partial(has_done, worker, seed + 1))
        assert [ready(url, fields["id"]) for url in urls] == [[True], [True]]
        assert fetch(f"{urls[0]}{API}/images/{fields['id']}")[1]["X-Cache"] == "HIT"
        for seen in (reader.stop() for reader in readers):
            assert seen == sorted(seen), "first without, then with"
        assert fetch(f"{urls[1]}{API}/images/{fields['id']}/thumbnail")[0]


def has_done(url: str, count: int) -> bool:
    """So many jobs."""
    return done(url) == count


def serves_three(url: str) -> bool:
    """A process may read every node."""
    return len(re.findall(r"(?m)^ring_node_trusted\{\S+ 1\.0$", fetch(f"{url}/metrics")[0].decode())) == 3


def test_the_doctor_misses_the_worker_that_nobody_started(chitram: Chitram, on_sqlite: dict[str, str], tmp_path: Path):
    """A picture has waited for longer than any queue explains."""
    service = chitram("serve", "--port", 0, environ=on_sqlite)
    url = service.wait_for("ready ")
    upload_picture(url)
    assert not any(finding["about"] == "jobs" and finding["level"] != "ok" for finding in diagnose(on_sqlite).findings)
    backdate(tmp_path / "chitram.db")
    found = diagnose(on_sqlite).of("jobs")
    assert found["level"] == "problem"
    assert "no worker seems to run" in found["says"]
    assert "chitram worker" in found["cure"]


def backdate(file: Path) -> None:
    """Let every job have been due for ten minutes."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("UPDATE jobs SET due_at = datetime('now', '-10 minutes') || '.000000'")


def test_a_worker_that_cannot_start_says_why(chitram: Chitram, on_sqlite: dict[str, str], tmp_path: Path):
    """In a sentence, with exit code 1."""
    empty = on_sqlite | {"DATABASE_URL": f"sqlite:///{tmp_path}/empty.db"}
    refused = chitram("worker", environ=empty)
    assert refused.wait() == 1
    assert "chitram migrate" in refused.errors
    assert "Traceback" not in refused.errors

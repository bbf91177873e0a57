"""How a job is tried, put off and given up: the service's own code over a queue in memory."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from contextlib import asynccontextmanager, nullcontext

import pytest

from chitram.domain.errors import ServiceUnavailable
from chitram.domain.identifiers import ImageId, new_image_id
from chitram.domain.job import ATTEMPTS, pause_after
from chitram.redaction import Redaction
from chitram.services import job_attempts, job_worker
from chitram.services.job_ports import Census, Hopeless, Job, Setback
from chitram.services.job_worker import Finished, JobWorker
from tests.waiting import until


class Queue:
    """Jobs that are due at once, and what was done with them."""

    def __init__(self) -> None:
        self.due: list[tuple[ImageId, int]] = []
        self.suspects: set[ImageId] = set()
        self.put: list[tuple[ImageId, float, str, bool]] = []
        self.renewed: set[ImageId] = set()
        self.handed_back = 0
        self.asked = 0
        self.away = False
        self.open = asyncio.Event()
        self.open.set()
        self.renewal = asyncio.Event()
        self.renewal.set()
        self.renewing = False

    async def claim(self, kind: str, claimed_by: str, *, limit: int, lease: float, busy: bool) -> list[Job]:
        self.asked += 1
        await self.open.wait()
        if self.away:
            raise ServiceUnavailable
        alone = bool(self.due) and self.due[0][0] in self.suspects
        limit = limit if not alone else 0 if busy else 1
        taken, self.due = self.due[:limit], self.due[limit:]
        return [Job(kind, image_id, "key", claimed_by, attempt, 0.0, alone=alone) for image_id, attempt in taken]

    async def renew(self, kind: str, claimed_by: str, image_ids: Collection[ImageId], *, lease: float) -> None:
        self.renewing = True
        await self.renewal.wait()
        self.renewing = False
        self.renewed |= {*image_ids}

    async def put_off(self, job: Job, pause: float, reason: str, *, counted: bool) -> None:
        if self.away:
            raise ServiceUnavailable
        self.put.append((job.image_id, pause, reason, counted))

    async def hand_back(self, kind: str, claimed_by: str) -> int:
        assert self.open.is_set(), "a claim was under way"
        assert not self.renewing, "a renewal was under way, and had the rows"
        self.handed_back += 1
        return 0

    async def adopt(self, kind: str) -> int:
        return 0

    async def census(self, kind: str) -> Census:
        return Census()


class Shop:
    """Does what the test says."""

    kind = "thumbnails"

    def __init__(self) -> None:
        self.fails: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.away = False
        self.begun: list[ImageId] = []
        self.given_up: list[str] = []

    async def perform(self, job: Job) -> None:
        self.begun.append(job.image_id)
        await self.gate.wait()
        if self.fails:
            raise self.fails

    async def check(self) -> None:
        if self.away:
            raise ServiceUnavailable

    async def give_up(self, job: Job, reason: str) -> None:
        self.given_up.append(reason)


class Stage:
    """A worker at its work."""

    def __init__(self, concurrency: int = 2) -> None:
        self.queue, self.shop = Queue(), Shop()
        self.finished: list[Finished] = []
        self.worker = JobWorker(
            queue=self.queue,
            workshop=self.shop,
            claimed_by="here",
            concurrency=concurrency,
            finished=self.finished.append,
            around=lambda _kind: nullcontext(),
            redact=Redaction(["hunter22"]),
        )

    @asynccontextmanager
    async def working(self):
        """Until the block ends."""
        tasks = [asyncio.create_task(loop()) for loop in self.worker.loops]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    def owe(self, attempt: int = 1) -> ImageId:
        """Queue a job that is at this attempt."""
        image_id = new_image_id()
        self.queue.due.append((image_id, attempt))
        self.worker.owe(image_id)
        return image_id


async def outcome(attempt: int, error: Exception | None) -> Stage:
    """What becomes of one job."""
    stage = Stage()
    stage.shop.fails = error
    async with stage.working():
        stage.owe(attempt)
        await until(lambda: bool(stage.finished))
    return stage


async def test_what_is_queued_here_is_begun_at_once(monkeypatch):
    """Nobody waits until it is time to look."""
    monkeypatch.setattr(job_worker, "POLL_SECONDS", 3600.0)
    stage = Stage()
    async with stage.working():
        await until(lambda: stage.queue.asked == 1)
        for _ in range(5):
            stage.owe()
        await until(lambda: len(stage.finished) == 5)
    assert {job.result for job in stage.finished} == {"done"}


async def test_what_others_have_queued_is_found():
    """Within a second or so."""
    stage = Stage()
    async with stage.working():
        await until(lambda: stage.queue.asked == 1)
        stage.queue.due.append((new_image_id(), 1))
        await until(lambda: len(stage.finished) == 1)


async def test_no_more_are_claimed_than_are_done_at_a_time(monkeypatch):
    """The rest is for others; what is being done stays claimed, and is handed back at the end."""
    monkeypatch.setattr(job_worker, "LEASE_SECONDS", 0.03)
    stage = Stage(concurrency=2)
    stage.shop.gate.clear()
    async with stage.working():
        first, second, third = (stage.owe() for _ in range(3))
        await until(lambda: stage.queue.renewed == {first, second})
        assert [image_id for image_id, _ in stage.queue.due] == [third]
    assert stage.queue.handed_back == 1
    assert stage.finished == []


async def test_a_claim_that_is_under_way_at_the_end_is_waited_for():
    """Broken off, it would be nobody's until it ends by itself, and its locks would hold up what is handed back."""
    stage = Stage()
    stage.queue.open.clear()
    async with stage.working():
        await until(lambda: stage.queue.asked == 1)
        asyncio.get_running_loop().call_later(0.05, stage.queue.open.set)
    assert stage.queue.handed_back == 1


async def test_a_renewal_that_is_under_way_at_the_end_is_waited_for(monkeypatch):
    """The rows that it has locked would not be handed back."""
    monkeypatch.setattr(job_worker, "LEASE_SECONDS", 0.03)
    stage = Stage()
    stage.shop.gate.clear()
    stage.queue.renewal.clear()
    async with stage.working():
        stage.owe()
        await until(lambda: stage.queue.renewing)
        asyncio.get_running_loop().call_later(0.05, stage.queue.renewal.set)
    assert stage.queue.handed_back == 1


async def test_who_claims_again_what_he_is_still_at_renews_it_until_the_last_has_ended(monkeypatch):
    """His first claim had ended meanwhile; the end of the first attempt is not that of the second."""
    monkeypatch.setattr(job_worker, "LEASE_SECONDS", 0.03)
    stage = Stage()
    stage.shop.gate.clear()
    async with stage.working():
        image_id = stage.owe(1)
        await until(lambda: len(stage.shop.begun) == 1)
        first, stage.shop.gate = stage.shop.gate, asyncio.Event()
        stage.queue.due.append((image_id, 2))
        await until(lambda: len(stage.shop.begun) == 2)
        first.set()
        await until(lambda: len(stage.finished) == 1)
        stage.queue.renewed.clear()
        await until(lambda: stage.queue.renewed == {image_id})


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("no disk\n at postgresql://me:secret@db/x"), "RuntimeError: no disk at postgresql://me:***@db/x"),
        (RuntimeError("not with hunter22"), "RuntimeError: not with ***"),
        (Setback("its original is missing"), "its original is missing"),
    ],
)
async def test_a_failure_is_tried_again_later_and_given_up_after_the_last_attempt(error, reason):
    """With its reason, in which there is no secret."""
    stage = await outcome(ATTEMPTS - 1, error)
    [(_, pause, told, counted)] = stage.queue.put
    assert (" ".join(told.split()), counted, stage.finished[0].result) == (reason, True, "deferred")
    assert pause_after(ATTEMPTS - 1, 0.0) <= pause <= pause_after(ATTEMPTS - 1, 1.0)
    stage = await outcome(ATTEMPTS, error)
    assert ([" ".join(told.split()) for told in stage.shop.given_up], stage.queue.put) == ([reason], [])
    assert stage.finished[0].result == "failed"


async def test_what_no_attempt_can_mend_is_given_up_at_once():
    """A file that is no picture."""
    stage = await outcome(1, Hopeless("no picture"))
    assert (stage.shop.given_up, stage.finished[0].result) == (["no picture"], "failed")


async def test_what_kills_whoever_does_it_is_given_up_without_being_begun():
    """A picture that takes all memory would take one process after the other."""
    stage = await outcome(ATTEMPTS + 1, None)
    assert stage.shop.begun == []
    assert "died" in stage.shop.given_up[0]


async def test_nothing_is_done_beside_what_may_kill_its_process(monkeypatch):
    """What is under way is finished first, and the next ones wait until it has ended."""
    monkeypatch.setattr(job_worker, "POLL_SECONDS", 0.01)
    stage, ends = Stage(concurrency=3), defaultdict[ImageId, asyncio.Event](asyncio.Event)

    async def perform(job: Job) -> None:
        stage.shop.begun.append(job.image_id)
        await ends[job.image_id].wait()

    pauses: list[float] = []

    def pause(least: float, _most: float) -> float:
        pauses.append(least)
        return least

    async def looked_twice_more() -> None:
        seen = len(pauses)
        await until(lambda: len(pauses) > seen + 1)

    monkeypatch.setattr(stage.shop, "perform", perform)
    monkeypatch.setattr("random.uniform", pause)
    async with stage.working():
        first = stage.owe()
        await until(lambda: stage.shop.begun == [first])
        stage.queue.suspects.add(suspect := stage.owe(2))
        last = stage.owe()
        await looked_twice_more()
        assert stage.shop.begun == [first]
        ends[first].set()
        await until(lambda: stage.shop.begun == [first, suspect])
        await looked_twice_more()
        assert stage.shop.begun == [first, suspect]
        ends[suspect].set()
        await until(lambda: stage.shop.begun == [first, suspect, last])
        ends[last].set()


async def test_what_hangs_is_no_attempt_for_ever(monkeypatch):
    """It counts as one that failed."""
    monkeypatch.setattr(job_attempts, "JOB_SECONDS", 0.02)
    stage = Stage()
    stage.shop.gate.clear()
    async with stage.working():
        stage.owe()
        await until(lambda: bool(stage.finished))
    assert stage.queue.put[0][2:] == ("it was not done within 0.02 s", True)


async def test_while_the_storage_is_away_nothing_is_worn_out(monkeypatch):
    """The attempt does not count, and nothing else is taken up for a while."""
    monkeypatch.setattr(job_worker, "REST_SECONDS", 0.3)
    stage = Stage(concurrency=1)
    stage.shop.fails, stage.shop.away = ServiceUnavailable("The storage cannot be reached."), True
    clock = asyncio.get_running_loop().time
    async with stage.working():
        stage.owe()
        stage.owe()
        await until(lambda: len(stage.finished) == 1)
        began, stage.shop.fails = clock(), None
        await until(lambda: len(stage.finished) == 2)
        assert clock() - began > 0.2
    assert stage.queue.put[0][2:] == ("The storage cannot be reached.", False)
    assert [job.result for job in stage.finished] == ["deferred", "done"]


async def test_one_original_that_cannot_be_read_holds_nobody_up():
    """The storage as such answers: the attempt counts, with what the system said, and the next job is done at once."""
    stage = Stage(concurrency=1)
    stage.shop.fails = ServiceUnavailable("The storage cannot be read.")
    stage.shop.fails.__cause__ = PermissionError(13, "Permission denied", "/blobs/x")
    async with stage.working():
        stage.owe()
        await until(lambda: len(stage.finished) == 1)
        stage.shop.fails = None
        stage.owe()
        await until(lambda: len(stage.finished) == 2, seconds=3.0)
    [(_, _, reason, counted)] = stage.queue.put
    assert (reason, counted) == ("PermissionError: [Errno 13] Permission denied: '/blobs/x'", True)


async def test_what_could_not_be_put_off_is_once_the_database_answers(monkeypatch):
    """Or five outages would look like five deaths."""
    monkeypatch.setattr(job_worker, "REST_SECONDS", 0.02)
    stage = Stage()
    async with stage.working():
        await until(lambda: stage.queue.asked == 1)
        stage.shop.fails, stage.shop.gate = ServiceUnavailable("The database cannot be reached."), asyncio.Event()
        image_id = stage.owe()
        await until(lambda: stage.shop.begun == [image_id])
        stage.queue.away = True
        stage.shop.gate.set()
        await until(lambda: bool(stage.finished))
        assert stage.queue.put == []
        stage.queue.away = False
        await until(lambda: bool(stage.queue.put))
    assert [(job, counted) for job, _, _, counted in stage.queue.put] == [(image_id, False)]


async def test_without_the_database_it_asks_again(monkeypatch):
    """And goes on when it is back."""
    monkeypatch.setattr(job_worker, "REST_SECONDS", 0.02)
    stage = Stage()
    stage.queue.away = True
    async with stage.working():
        stage.owe()
        await until(lambda: stage.queue.asked > 1)
        stage.queue.away = False
        await until(lambda: bool(stage.finished))


@pytest.mark.parametrize(("chance", "pauses"), [(0.5, [10, 40, 160, 640]), (0.0, [5, 20, 80, 320])])
def test_pauses_grow_and_differ(chance: float, pauses: list[float]):
    """Four times as long each, around it by half."""
    assert [pause_after(attempt, chance) for attempt in range(1, ATTEMPTS)] == pauses

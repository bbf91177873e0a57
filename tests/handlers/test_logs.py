"""The request's id is in every line that is logged on its behalf, in whatever layer, thread or job that is."""

from typing import Any

from chitram.adapters.ring_log import LoggedRing
from chitram.domain.errors import ServiceUnavailable
from chitram.embedded.node import NodeProcess
from chitram.logs import current_request
from ring import NullObserver
from ring.events import AckWaited, Transition
from tests.api import API, healthy, upload, upload_form
from tests.log_lines import Lines
from tests.pictures import picture
from tests.waiting import until

BROKEN = picture()[:60] + b"\0" * 40


async def test_a_thread_that_decodes_logs_for_its_request(service, logged: Lines):
    """Pillow's, for a file that is no picture after all."""
    headers = {"X-Request-ID": "request-of-a-broken-picture"}
    async with service.post(f"{API}/images/upload", data=upload_form(BROKEN), headers=headers) as answer:
        assert answer.status == 415
    [line] = logged.events("a picture could not be decoded")
    assert line["request_id"] == "request-of-a-broken-picture"


async def test_a_job_logs_for_the_request_that_caused_it(service, logged: Lines, monkeypatch):
    """Long after the answer; and the next job for its own."""

    async def unreadable(*_arguments):
        raise RuntimeError("as no author ever expects")

    monkeypatch.setattr("chitram.adapters.pillow.PillowPictures.thumbnails", unreadable)
    for number in ("first-upload", "second-upload"):
        form = upload_form(picture())
        async with service.post(f"{API}/images/upload", data=form, headers={"X-Request-ID": number}) as answer:
            image = await answer.json()
        assert (await _failure(logged, image["id"]))["request_id"] == number


async def _failure(logged: Lines, image_id: str) -> dict[str, Any]:
    def about() -> list[dict[str, Any]]:
        return [line for line in logged.events("a job failed unexpectedly") if line["image"] == image_id]

    await until(lambda: bool(about()))
    return about()[-1]


async def test_a_failure_is_logged_with_its_cause(service, logged: Lines, monkeypatch):
    """What the caller is told, and what is behind it."""

    async def away(*_arguments, **_options):
        raise ServiceUnavailable("The database cannot be reached.") from OSError("connection refused\nmore")

    monkeypatch.setattr("chitram.services.gallery.Gallery.public", away)
    async with service.get(f"{API}/images") as answer:
        assert answer.status == 503
    [line] = logged.events("a request could not be served")
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert (line["method"], line["route"], line["cause"]) == ("GET", f"{API}/images", "OSError: connection refused")


async def test_a_node_that_dies_and_returns_is_told_with_its_cause(
    start_service, redis_nodes: dict[str, NodeProcess], logged: Lines
):
    """The node set that is used; down, and why; up again."""
    service = await start_service(redis_nodes=f"a={redis_nodes['a'].address}")
    await healthy(service)
    assert [line["nodes"] for line in logged.events("another node set is in use")] == [["a"]]
    redis_nodes["a"].kill()
    await until(lambda: bool(logged.events("a node is down")))
    [down] = logged.events("a node is down")
    assert (down["level"], down["node"], down["was"]) == ("warning", "a", "up")
    assert down["cause"]
    await upload(service)
    assert logged.events("a write waits until nobody reads what it replaced")[0]["nodes"] == ["a"]
    redis_nodes["a"].restart()
    await healthy(service)
    assert logged.events("a node is up")[-1]["node"] == "a"


async def test_a_node_s_change_belongs_to_no_request_but_a_wait_does(logged: Lines):
    """A follower may have been started by a request, and outlives it."""
    ring = LoggedRing(NullObserver())
    current_request.set("request-1")
    ring.event(Transition("a", "up", "down", "timeout"))
    ring.event(AckWaited(("a",), 1.5))
    [change] = logged.events("a node is down")
    [wait] = logged.events("a write waits until nobody reads what it replaced")
    assert "request_id" not in change
    assert wait["request_id"] == "request-1"

"""What the load judges by is judged itself: what a read may show, what a page offers, what a picture is."""

import io
from random import Random
from types import SimpleNamespace

import pytest
from PIL import Image

from bench.crowd.html import following, heading, tiles
from bench.crowd.lines import SHAPES, height
from bench.crowd.options import PASSWORD, Options
from bench.crowd.pictures import KINDS, Pictures
from bench.crowd.tallies import Tallies
from bench.crowd.truth import Story, Truth
from bench.load_cpu import Sample, bottleneck


@pytest.fixture
def story():
    """Version 1 was acknowledged, version 2 hides the picture and is on its way."""
    story = Story("one", "Harbour")
    assert story.attempt("shown") == "Harbour · 1"
    story.acknowledge()
    story.attempt("hidden")
    return story


@pytest.mark.parametrize(
    ("status", "title", "owner", "accused_of"),
    [
        (200, "Harbour · 1", False, ""),
        (200, "Harbour · 0", False, "stale"),
        (200, "Harbour · 2", True, ""),
        (200, "Harbour · 2", False, "stale"),
        (200, "Harbour", False, "stale"),
        (404, None, False, ""),
        (404, None, True, "is missing"),
    ],
)
def test_a_read_shows_what_was_acknowledged_or_is_on_its_way(story, status, title, owner, accused_of):
    """To whom may see it."""
    truth = Truth()
    truth.add(story, "short")
    mark = truth.mark("short")
    assert mark is not None
    found = mark.verdict(status, title, owner=owner)
    assert accused_of in found
    assert bool(found) is bool(accused_of)


def test_what_was_deleted_is_missing_for_everybody(story):
    """From the acknowledgement on; a read that began before may show it."""
    truth = Truth()
    truth.add(story, "short")
    early = truth.mark("one")
    story.attempt("gone")
    story.acknowledge()
    late = truth.mark("one")
    assert early is not None
    assert late is not None
    assert early.verdict(200, "Harbour · 1") == ""
    assert "after it was gone" in late.verdict(200, "Harbour · 2", owner=True)
    assert late.verdict(404, owner=True) == ""


@pytest.mark.parametrize("number", range(len(KINDS)), ids=[kind.media_type for kind in KINDS])
def test_every_upload_is_a_picture_of_its_own(number):
    """Of the kind that it says, and whole."""
    pictures, kinds = Pictures(0.05), KINDS[number : number + 1]
    one, other = (pictures.draw(Random(seed), kinds) for seed in (1, 2))
    assert one.data != other.data
    with Image.open(io.BytesIO(one.data)) as image:
        image.load()
        assert Image.MIME[str(image.format)] == one.media_type


async def test_pages_are_read_as_browsers_read_them(service):
    """The gallery's own HTML, an empty one."""
    async with service.get("/") as answer:
        page = await answer.text()
    assert (tiles(page), following(page), heading(page)) == ([], None, None)


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_reaches_its_peak_and_never_more(name):
    """From the beginning to the end."""
    heights = [height(SHAPES[name], step / 1000) for step in range(1001)]
    assert max(heights) == 1
    assert min(heights) >= 0


def test_counts_of_several_processes_add_up():
    """What one of them reports is taken from it."""
    one, all_of_them = Tallies(), Tallies()
    one.metadata(7.2, "HIT", "a")
    one.metadata(7.4, "MISS", "b")
    one.request(7.4, 12.0, failed=True)
    for _ in range(2):
        all_of_them.add(one.take())
    assert all_of_them.hit_ratio == 0.5
    assert all_of_them.curves()[0] | {"p50": 0, "p99": 0} == {
        "at": 7,
        "requests": 1,
        "failed": 1,
        "p50": 0,
        "p99": 0,
        "reads": 2,
        "hits": 1,
    }


def test_the_bottleneck_is_what_was_used_up():
    """The machine before one of its cores."""
    cores = {"service: event loop": 0.95, "Locust": 0.4}
    assert bottleneck(Sample(0, cores, 0.95, 1.95), 2).startswith("the machine: 1.95 of 2 cores in use (service")
    assert bottleneck(Sample(0, cores, 0.95, 1.4), 2).startswith("one event loop of the service")
    assert bottleneck(Sample(0, {"Locust": 0.95}, 0.1, 1.0), 2).startswith("Locust itself")
    assert bottleneck(Sample(0, {}, 0.1, 0.3), 2).startswith("none")


@pytest.mark.parametrize(("host", "said"), [(None, "--host"), ("http://example.com", "--allow-host example.com")])
def test_strangers_are_not_loaded(host, said):
    """With the next step in the sentence."""
    options = Options.of(SimpleNamespace(**dict.fromkeys(Options.__dataclass_fields__, "")))
    options.refuse_strangers("http://127.0.0.1:8000")
    with pytest.raises(SystemExit, match=said):
        options.refuse_strangers(host)


def test_another_machine_gets_a_password_of_its_own():
    """And it is not printed with what was chosen."""
    chosen = dict.fromkeys(Options.__dataclass_fields__, "") | {"allow_host": "example.com", "password": PASSWORD}
    with pytest.raises(SystemExit, match="LOAD_PASSWORD"):
        Options.of(SimpleNamespace(**chosen)).refuse_strangers("http://example.com")
    options = Options.of(SimpleNamespace(**chosen | {"password": "another one"}))
    options.refuse_strangers("http://example.com")
    assert "another one" not in f"{options} {options.shown()}"

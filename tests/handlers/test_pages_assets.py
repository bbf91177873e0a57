"""Static files, and that templates, styles and views fit together."""

import re
from pathlib import Path

import pytest
from aiohttp import web

from chitram.domain.media import MediaType
from chitram.domain.sizes import byte_words
from chitram.handlers.assets import Assets, web_directory
from chitram.handlers.picture import RATIOS
from chitram.handlers.templating import setup_templating
from chitram.handlers.words import kind_words
from tests.handlers.test_pages import get

WEB = web_directory()
TEMPLATES = sorted(path for path in (WEB / "templates").rglob("*.html"))
SOURCES = "\n".join(path.read_text() for path in TEMPLATES)
STYLE = (WEB / "static/css/chitram.css").read_text()


async def test_static_files_are_kept_for_ever_under_their_version(service):
    """The address changes with the content; an old address still works, but is asked for again."""
    (address,) = re.findall(r'rel="stylesheet" href="([^"]+)"', await get(service, "/"))
    for path, kept in ((address, "immutable"), (re.sub(r"/static/\w+/", "/static/old/", address), "max-age=3600")):
        async with service.get(path) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/css"
            assert kept in answer.headers["Cache-Control"]
            assert await answer.text() == STYLE


@pytest.mark.parametrize("name", ["../templates/base.html", "..%2F..%2Fpyproject.toml", "css/", "nothing.css"])
async def test_nothing_else_is_served(service, name):
    """Only what lies in the folder, by its exact name."""
    async with service.get(f"/static/x/{name}") as answer:
        assert answer.status == 404


async def test_what_programs_look_for_at_the_root_is_there(service):
    """The icon and the rules for robots."""
    assert "Disallow: /api/" in await get(service, "/robots.txt")
    async with service.get("/favicon.ico") as answer:
        assert answer.status == 200


def test_another_byte_is_another_version(tmp_path: Path):
    """No browser keeps an outdated file."""
    (tmp_path / "a.css").write_text("a {}")
    first = Assets.load(tmp_path).version
    assert Assets.load(tmp_path).version == first
    (tmp_path / "a.css").write_text("b {}")
    assert Assets.load(tmp_path).version != first


def test_every_template_compiles():
    """Also those that no test happens to show."""
    app = web.Application()
    setup_templating(app)
    environment = next(value for value in app.values() if hasattr(value, "get_template"))
    for path in TEMPLATES:
        environment.get_template(path.relative_to(WEB / "templates").as_posix())


def test_every_icon_that_a_template_uses_is_in_the_sprite():
    """A missing one would be an invisible button."""
    drawn = set(re.findall(r'id="i-([\w-]+)"', SOURCES))
    used = set(re.findall(r'icon\("([\w-]+)"', SOURCES)) | {"public", "unlisted", "private", "sun", "moon", "system"}
    assert used <= drawn


def test_the_style_sheet_has_a_class_for_every_ratio():
    """The shapes of tiles are said in Python and in CSS; here the two meet."""
    written = {int(name): float(value) for name, value in re.findall(r"\.r-(\d+) \{ --ratio: ([\d.]+);? \}", STYLE)}
    assert set(written) == set(RATIOS)
    assert all(abs(100 * value - name) < 1 for name, value in written.items())


def test_every_vendored_file_has_its_licence():
    """Fonts and libraries of others come with their terms."""
    for folder in ("fonts", "vendor"):
        files = {path.name for path in (WEB / "static" / folder).iterdir()}
        licences = {name.removesuffix(".LICENSE") for name in files if name.endswith(".LICENSE")}
        for name in files - {f"{licence}.LICENSE" for licence in licences}:
            assert any(name.startswith(licence) for licence in licences), name


def test_no_asset_asks_another_host():
    """Styles and scripts of ours name no address outside."""
    for path in (*(WEB / "static/js").glob("*.js"), *(WEB / "static/css").glob("*.css")):
        assert not re.search(r"https?://", path.read_text()), path


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KB"), (25 * 1024**2, "25 MB")]
)
def test_sizes_in_words(count: int, words: str):
    """As people say them."""
    assert byte_words(count) == words


def test_every_media_type_has_a_name():
    """A new one must not break a picture's page."""
    assert all(kind_words(media_type) for media_type in MediaType)

"""Templates in states that are hard to bring about over HTTP; an unknown name in any of them is an error."""

from dataclasses import replace
from datetime import UTC, datetime

import jinja2
import pytest

from chitram.domain.media import MediaType
from chitram.domain.quota import Usage
from chitram.handlers.assets import web_directory
from chitram.handlers.form_views import EditForm, Field, UploadPanel, visibility_choices
from chitram.handlers.picture import ORIGINAL_BUDGET, Picture
from chitram.handlers.views import (
    ErrorFragment,
    GalleryPage,
    GalleryRows,
    ImagePage,
    MyImagesPage,
    Shell,
)

PICTURE = Picture(
    id="00000000-0000-8000-8000-000000000000",
    short_id="abcdefghijkm",
    title="Tea",
    filename="tea.png",
    visibility="public",
    width=3000,
    height=2000,
    color="#a08468",
    ready=True,
    owed=False,
    file_bytes=ORIGINAL_BUDGET + 1,
    media_type=MediaType.PNG,
    created_at=datetime(2026, 5, 1, tzinfo=UTC),
    origin="https://pictures.example",
)
PANEL = UploadPanel(True, 1024, (MediaType.PNG,), visibility_choices("unlisted", signed_in=False))
SHELL = Shell(None, None, True, "number", "/", "/", None, PANEL)
NO_EDIT = EditForm(Field("title"), (), None, rejected=False)


def shown(view) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(web_directory() / "templates"), undefined=jinja2.StrictUndefined, autoescape=True
    )
    environment.globals["static"] = lambda name: f"/static/x/{name}"
    return environment.get_template(view.template).render(page=view, shell=SHELL)


def image_page(picture: Picture) -> str:
    """A stranger's view of a picture."""
    return shown(ImagePage(picture, False, False, NO_EDIT, Field("delete_token")))


def test_a_large_picture_is_shown_by_its_largest_thumbnail():
    """The page does not load 25 MB unasked; the original is a link."""
    text = image_page(PICTURE)
    assert 'src="/t/abcdefghijkm/600.jpg" width="600" height="400"' in text
    assert '<img src="/i/abcdefghijkm.png"' not in text
    assert 'href="/i/abcdefghijkm.png"' in text


def test_a_small_picture_is_shown_itself():
    """At its full size, with its place kept."""
    text = image_page(replace(PICTURE, file_bytes=ORIGINAL_BUDGET))
    assert '<img src="/i/abcdefghijkm.png" width="3000" height="2000"' in text


def test_while_thumbnails_are_owed_the_page_asks_again():
    """By itself with a script, by a link without."""
    text = image_page(replace(PICTURE, ready=False, owed=True))
    assert 'hx-trigger="every 2s"' in text
    assert "Look again" in text
    assert "/t/" not in text


def test_a_picture_without_thumbnails_says_so_and_does_not_ask_again():
    """They could not be made; the original is still there."""
    text = image_page(replace(PICTURE, ready=False, owed=False))
    assert "There is no preview" in text
    assert "hx-trigger" not in text


@pytest.mark.parametrize(("owed", "words"), [(True, "Being prepared"), (False, "No preview")])
def test_lists_keep_the_place_of_a_picture_without_thumbnails(owed, words):
    """With its name for those who cannot see it."""
    picture = replace(PICTURE, ready=False, owed=owed)
    for view in (GalleryRows((picture,), None), MyImagesPage((picture,), None, follows=False, usage=Usage(8, 10, 1))):
        text = shown(view)
        assert words in text
        assert "Tea" in text
        assert "/t/" not in text


def test_a_later_page_of_the_gallery_has_no_drop_zone_and_is_not_indexed():
    """It is where "show more" leads without a script."""
    text = shown(GalleryPage((PICTURE,), None, follows=True))
    assert 'content="noindex, follow"' in text
    assert "Back to the newest" in text


def test_a_failed_fragment_offers_its_link_again():
    """Escaped, in the place of the link that failed."""
    text = shown(ErrorFragment("Not now.", "Wait.", '/?cursor="x'))
    assert 'role="alert"' in text
    assert "/?cursor=&#34;x" in text


@pytest.mark.parametrize(
    ("size", "ratio"),
    [((3000, 2000), "r-150"), ((1, 1), "r-100"), ((1080, 1920), "r-56"), ((9000, 100), "r-250"), ((1, 9000), "r-50")],
)
def test_the_shape_of_a_tile_is_the_nearest_class(size, ratio):
    """Extreme shapes are cropped to the ends of the scale."""
    assert replace(PICTURE, width=size[0], height=size[1]).ratio == ratio


def test_srcset_says_true_widths_and_each_once():
    """A narrow or small picture has fewer candidates, never an enlarged one."""
    assert PICTURE.srcset_webp == (
        "/t/abcdefghijkm/150.webp 150w, /t/abcdefghijkm/300.webp 300w, /t/abcdefghijkm/600.webp 600w"
    )
    assert replace(PICTURE, width=200, height=100).srcset_jpeg == (
        "/t/abcdefghijkm/150.jpg 150w, /t/abcdefghijkm/300.jpg 200w"
    )


def test_a_single_type_is_named_without_an_or():
    """The words of the drop zone."""
    assert PANEL.kinds == "PNG"
    assert replace(PANEL, media_types=(MediaType.PNG, MediaType.GIF)).kinds == "PNG or GIF"
    assert replace(PANEL, media_types=tuple(MediaType)).kinds == "JPEG, PNG, WebP, GIF or AVIF"

"""Looking around: the public gallery, going on, going back, a picture's page."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account import register
from tests.browser.conftest import PUBLIC_PICTURES, NewPage, Watched
from tests.browser.held import Held
from tests.browser.site import Site, jpeg
from tests.servers.missing import missing

pytestmark = pytest.mark.browser
HOSTILE_TITLES = (
    "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">",
    "\u05e9\u05dc\u05d5\u05dd gpj.exe \u05e2\u05d5\u05dc\u05dd right to left",
    "W" * 200,
    "చిత్రం సముద్ర తీరం " * 10,
    "'\"><style>body { display: none }</style>",
)
SHIFTS = """() => new Promise((resolve) => {
    const seen = {total: 0, tiles: 0};
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => {
        seen.total += entry.value;
        seen.tiles += entry.sources.filter((source) => source.node?.parentElement?.closest("#gallery")).length;
    })).observe({type: "layout-shift", buffered: true});
    requestAnimationFrame(() => requestAnimationFrame(() => resolve(seen)));
})"""

FALLBACK_FONTS = """() => Promise.all([
    new FontFace("sans", "local('Arial'), local('Liberation Sans'), local('Helvetica')").load(),
    new FontFace("serif", "local('Times New Roman'), local('Liberation Serif'), local('Times')").load(),
]).then(() => true, () => false)"""


def loaded(page: Page) -> None:
    """Wait until every visible picture and every font has arrived."""
    page.wait_for_load_state("networkidle")
    page.wait_for_function(
        "() => [...document.images].filter((i) => i.getBoundingClientRect().top < innerHeight).every((i) => i.complete)"
    )


def tiles(page: Page):
    """The gallery's pictures."""
    return page.locator("#gallery > .tile")


def test_show_more_appends_every_page_and_ends(page: Page) -> None:
    """The link brings the next pages in order, never the same twice, and disappears at the end."""
    page.goto("/")
    expect(tiles(page)).to_have_count(24)
    page.get_by_role("link", name="Show more pictures").click()
    expect(tiles(page)).to_have_count(48)
    page.get_by_role("link", name="Show more pictures").click()
    expect(tiles(page)).to_have_count(PUBLIC_PICTURES)
    expect(page.get_by_role("link", name="Show more pictures")).to_have_count(0)
    titles = tiles(page).locator(".tile-title").all_text_contents()
    assert titles == [f"Picture {number}" for number in reversed(range(PUBLIC_PICTURES))]


def test_after_show_more_the_focus_is_on_the_first_new_picture_and_the_number_is_said(page: Page) -> None:
    """Somebody with a keyboard or a screen reader goes on where the new pictures begin."""
    page.goto("/")
    page.get_by_role("link", name="Show more pictures").press("Enter")
    expect(tiles(page).nth(24).get_by_role("link")).to_be_focused()
    expect(page.locator("#announcer")).to_have_text("24 more pictures")


def test_without_javascript_show_more_is_a_link_to_the_next_page(plain_page: Page) -> None:
    """Every picture is reached by plain links."""
    plain_page.goto("/")
    titles = []
    while True:
        titles += tiles(plain_page).locator(".tile-title").all_text_contents()
        link = plain_page.get_by_role("link", name="Show more pictures")
        if not link.count():
            break
        link.click()
    assert titles == [f"Picture {number}" for number in reversed(range(PUBLIC_PICTURES))]


def test_going_back_restores_the_loaded_pages_and_the_position(page: Page) -> None:
    """A visitor who looked at a picture far down comes back to the same place."""
    page.goto("/")
    page.get_by_role("link", name="Show more pictures").click()
    expect(tiles(page)).to_have_count(48)
    far_down = tiles(page).nth(40)
    far_down.scroll_into_view_if_needed()
    position = page.evaluate("scrollY")
    far_down.click()
    expect(page.get_by_role("heading", name="Picture 19")).to_be_visible()
    page.go_back()
    expect(tiles(page)).to_have_count(48)
    page.wait_for_function("(y) => Math.abs(scrollY - y) < 3", arg=position)


def test_a_failed_show_more_can_be_repeated(page: Page, watched: Watched) -> None:
    """When the server cannot answer, the place of the link says so and offers it again."""
    watched.expected = {"503"}
    page.goto("/")
    failing = iter([True])
    fragment = (
        "<li class='more'><p role='alert'>Not now</p>"
        "<a href='{0}' hx-get='{0}' hx-target='closest li' hx-swap='outerHTML'>Try again</a></li>"
    )
    page.route(
        "**/?cursor=*",
        lambda route: (
            route.fulfill(status=503, content_type="text/html", body=fragment.format(route.request.url))
            if next(failing, False)
            else route.continue_()
        ),
    )
    page.get_by_role("link", name="Show more pictures").click()
    expect(page.get_by_role("alert").filter(has_text="Not now")).to_be_visible()
    page.get_by_role("link", name="Try again").click()
    expect(tiles(page)).to_have_count(48)


def test_without_a_connection_show_more_says_so_and_can_be_repeated(page: Page, watched: Watched) -> None:
    """The link stays, with another word on it, and works once the network is back."""
    watched.expected = {"ERR_INTERNET_DISCONNECTED", "htmx:sendError", "htmx:afterRequest"}
    page.goto("/")
    page.context.set_offline(True)
    page.get_by_role("link", name="Show more pictures").click()
    expect(page.get_by_role("link", name="No connection. Try again")).to_be_visible()
    page.context.set_offline(False)
    page.get_by_role("link", name="No connection. Try again").click()
    expect(tiles(page)).to_have_count(48)


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_moves_while_the_gallery_loads(new_page: NewPage, width: int) -> None:
    """Even when the fonts come last, no tile moves, and the words around them by less than anyone can see.

    The words are not exactly still: a fallback font has the right metrics on average, not letter by letter; and one has
    them only where the system has Arial's or Times' measures, as nearly all have. 0.1 is what the Web Vitals call good.
    """
    page = new_page(width=width)
    page.goto("/")
    if not page.evaluate(FALLBACK_FONTS):
        missing("font with Arial's measures", "install one (Debian: apt-get install fonts-liberation)")
    page = new_page(width=width)
    fonts = Held(page, "**/*.woff2")
    page.goto("/", wait_until="domcontentloaded")
    page.wait_for_function("() => [...document.images].slice(0, 3).every((image) => image.complete)")
    fonts.release()
    loaded(page)
    shifts = page.evaluate(SHIFTS)
    assert shifts["tiles"] == 0
    assert shifts["total"] < 0.001


def test_the_gallery_never_loads_an_original(page: Page) -> None:
    """Thumbnails only, however far a visitor scrolls."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto("/")
    page.keyboard.press("End")
    loaded(page)
    assert any("/t/" in url for url in asked)
    assert not any("/i/" in url or url.endswith("/file") for url in asked)


@pytest.mark.parametrize("width", [768, 1280])
def test_the_tiles_of_a_row_are_equally_high_and_fill_it(new_page: NewPage, width: int) -> None:
    """Justified rows: one height in a row, to a pixel, and one right edge, but for a row that is too short."""
    page = new_page(width=width)
    page.goto("/")
    boxes = tiles(page).evaluate_all(
        "(all) => all.map((e) => e.getBoundingClientRect()).map((b) => [Math.round(b.top), b.height, b.right])"
    )
    rows: dict[int, list[tuple[float, float]]] = {}
    for top, height, right in boxes:
        rows.setdefault(top, []).append((height, right))
    edges = [max(right for _, right in row) for row in list(rows.values())[:-1]]
    assert all(max(h for h, _ in row) - min(h for h, _ in row) < 1 for row in rows.values())
    assert len(rows) >= 6
    assert sum(abs(edge - max(edges)) < 2 for edge in edges) >= len(edges) - 1


@pytest.mark.parametrize("title", HOSTILE_TITLES)
def test_a_hostile_title_is_only_text(new_page: NewPage, site: Site, title: str) -> None:
    """Whatever a title holds, it runs nothing, injects nothing and does not widen the page, also on a phone."""
    answer = site.upload(jpeg(seed=abs(hash(title)) % 10_000), title=title)
    page = new_page(width=360)
    page.goto(f"/image/{answer['id']}")
    assert page.locator("h1").inner_text().split() == title.split()
    assert "taken" not in page.title().split()
    expect(page.locator("body")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_picture_whose_preview_is_late_appears_by_itself(page: Page, site: Site) -> None:
    """The page of a fresh upload shows the thumbnail as soon as it is made, without a reload."""
    answer = site.upload(jpeg(2400, 1600, seed=4242) + b"\0" * 3_500_000)
    page.goto(f"/image/{answer['id']}")
    expect(page.locator("#stage img")).to_be_visible()


def test_the_keyboard_walks_the_gallery(page: Page) -> None:
    """Arrows move between pictures, "?" shows the sheet, Escape closes it, "u" opens the upload page."""
    page.goto("/")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(tiles(page).nth(1).get_by_role("link")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    page.keyboard.press("u")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_hidden()
    page.keyboard.press("u")
    expect(page.get_by_role("heading", name="Upload pictures")).to_be_visible()


def test_a_wrong_address_leads_on(page: Page, watched: Watched) -> None:
    """A missing picture gets a page in the usual shell, with the request's number and a way out."""
    watched.expected = {"404"}
    page.goto("/i/111111111111")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    expect(page.locator("main code")).to_have_text(re.compile("^[0-9a-f-]{16,}$"))
    page.get_by_role("link", name="To the gallery").click()
    expect(page.get_by_role("heading", name="Public gallery")).to_be_visible()


def test_an_owner_edits_and_hides_a_picture(page: Page, picture: Callable[..., Path], new_page: NewPage) -> None:
    """Title and visibility are changed on the picture's page; a private picture is missing to everyone else."""
    register(page)
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files(str(picture()))
    page.get_by_role("link", name="View").click()
    page.get_by_text("Edit", exact=True).click()
    page.get_by_label("Title").fill("Evening in Vizag")
    page.get_by_label("Who can see it").select_option("private")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Evening in Vizag")).to_be_visible()
    expect(page.get_by_text("Private", exact=True)).to_be_visible()
    stranger = new_page()
    response = stranger.request.get(page.url)
    assert response.status == 404


def test_one_key_copies_a_pictures_link(new_page: NewPage, site: Site) -> None:
    """On a picture's page "c" copies its short address."""
    answer = site.upload(jpeg(seed=777), title="Tea")
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/image/{answer['id']}")
    page.keyboard.press("c")
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == f"{site.url}/i/{answer['short_id']}"

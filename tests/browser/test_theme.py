"""Light, dark, and what the visitor's system asks for."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import NewPage, Watched

pytestmark = pytest.mark.browser
LIGHT, DARK = "rgb(250, 248, 245)", "rgb(28, 25, 23)"


def choose(page: Page, name: str) -> None:
    """Open the menu and choose a theme."""
    page.locator("summary[aria-label=Menu]").click()
    page.get_by_role("button", name=name).click()


@pytest.mark.parametrize(("scheme", "color"), [("light", LIGHT), ("dark", DARK)])
def test_the_system_decides_until_somebody_chooses(new_page: NewPage, scheme: str, color: str) -> None:
    """Without a choice the page follows the system."""
    page = new_page(color_scheme=scheme)
    page.goto("/")
    expect(page.locator("body")).to_have_css("background-color", color)


@pytest.mark.parametrize("javascript", [True, False])
def test_a_chosen_theme_stays_on_every_page(new_page: NewPage, javascript: bool) -> None:
    """The choice wins over the system, on the next page too, and can be taken back."""
    page = new_page(javascript=javascript, color_scheme="light")
    page.goto("/upload")
    with page.expect_response("**/theme"):
        choose(page, "Dark")
    expect(page.locator("body")).to_have_css("background-color", DARK)
    page.goto("/login")
    expect(page.locator("body")).to_have_css("background-color", DARK)
    choose(page, "System theme")
    expect(page.locator("body")).to_have_css("background-color", LIGHT)


def test_a_dark_page_is_dark_before_any_script(new_page: NewPage, watched: Watched) -> None:
    """The server writes the theme into the document, so nothing flashes: with scripts held back the page is dark."""
    watched.expected = {"ERR_FAILED"}
    page = new_page(color_scheme="light")
    page.goto("/")
    with page.expect_response("**/theme"):
        choose(page, "Dark")
    page.route("**/*.js", lambda route: route.abort())
    page.goto("/login", wait_until="commit")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.locator("body")).to_have_css("background-color", DARK)

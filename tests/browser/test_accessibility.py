"""Every page, in both themes, against WCAG 2.2 AA as far as a program can judge (axe-core)."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account import register
from tests.browser.conftest import NewPage, Watched
from tests.browser.site import Site

pytestmark = pytest.mark.browser
(AXE,) = (Path(__file__).parent / "vendor").glob("axe-*.min.js")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

Picture = Callable[..., Path]


def violations(page: Page) -> list[str]:
    """What axe-core complains of, in short."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("(tags) => axe.run({runOnly: tags})", RULES)
    assert len(found["passes"]) > 10, "axe-core has not looked at the page"
    return [f"{v['id']}: {node['html'][:160]}" for v in found["violations"] for node in v["nodes"]]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_visitors_pages(new_page: NewPage, watched: Watched, theme: str) -> None:
    """The gallery with its menu and shortcut sheet, the forms, fresh and refused, and an error page."""
    watched.expected = {"401", "404"}
    page = new_page(color_scheme=theme)
    found: dict[str, list[str]] = {}
    for address in ("/", "/upload", "/login?next=/upload", "/register", "/image/missing"):
        page.goto(address)
        found[address] = violations(page)
    page.goto("/")
    page.locator("summary[aria-label=Menu]").click()
    found["menu"] = violations(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    found["shortcuts"] = violations(page)
    page.goto("/login")
    page.get_by_label("Email address").fill("nobody@example.com")
    page.get_by_label("Password").fill("not the password")
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.locator("main").get_by_role("alert")).to_be_visible()
    found["refused"] = violations(page)
    assert {address: complaints for address, complaints in found.items() if complaints} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_strangers_upload(new_page: NewPage, picture: Picture, tmp_path: Path, theme: str) -> None:
    """The queue with a finished, a refused and a tokened row, and the picture's page behind it."""
    page = new_page(color_scheme=theme)
    (tmp_path / "notes.txt").write_text("hello")
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files([str(picture()), str(tmp_path / "notes.txt")])
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_visible()
    found = {"queue": violations(page)}
    page.get_by_role("link", name="View").click()
    page.get_by_text("Delete with its token").click()
    found["picture"] = violations(page)
    assert {address: complaints for address, complaints in found.items() if complaints} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_an_owners_pages(new_page: NewPage, site: Site, picture: Picture, theme: str) -> None:
    """My pictures, empty and not, with a quota and beyond it, the question before deleting, a picture's form."""
    page = new_page(color_scheme=theme)
    email = register(page)
    found = {"empty": violations(page)}
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files(str(picture("old.jpg")))
    expect(page.locator(".job")).to_have_attribute("data-state", "done")
    page.goto("/my-images")
    found["list"] = violations(page)
    for quota, words in ((10**9, "used"), (1, "Full: ")):
        site.allow(email, quota)
        page.reload()
        expect(page.locator(".quota")).to_contain_text(words)
        found[words] = violations(page)
    page.get_by_role("button", name="Delete old").click()
    found["question"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_role("link", name="old").click()
    page.get_by_text("Edit", exact=True).click()
    found["edit"] = violations(page)
    assert {address: complaints for address, complaints in found.items() if complaints} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_settings(new_page: NewPage, watched: Watched, theme: str) -> None:
    """Without a key, with a fresh one, the question before it is revoked, and the form refused."""
    watched.expected = {"422"}
    page = new_page(color_scheme=theme)
    register(page)
    page.goto("/settings")
    found = {"empty": violations(page)}
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Create the key").click()
    expect(page.locator("#fresh-key")).to_be_visible()
    found["fresh"] = violations(page)
    page.get_by_role("button", name="Revoke Laptop").click()
    found["question"] = violations(page)
    page.keyboard.press("Escape")
    page.get_by_label("Name").fill(" ")
    page.get_by_role("button", name="Create the key").click()
    expect(page.get_by_text("Use 1 to 100 characters")).to_be_visible()
    found["refused"] = violations(page)
    assert {address: complaints for address, complaints in found.items() if complaints} == {}


def test_everything_on_the_front_page_is_reached_by_the_keyboard(page: Page, site: Site) -> None:
    """The first Tab offers to skip to the content, and what has the focus shows it."""
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Who can see it")).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

"""The settings in a real browser: API keys, with and without scripts."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account import register
from tests.browser.conftest import NewPage, Watched

pytestmark = pytest.mark.browser


def create_key(page: Page, name: str, *scopes: str) -> None:
    """Fill in the form and send it."""
    page.goto("/settings")
    page.get_by_label("Name").fill(name)
    for box in page.locator("main").get_by_role("checkbox").all():
        box.set_checked((box.get_attribute("name") or "").removeprefix("scope-") in scopes)
    page.get_by_role("button", name="Create the key").click()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_key_is_made_used_and_revoked(new_page: NewPage, javascript: bool) -> None:
    """From the menu to the question; the file for ShareX is there without a script, and nothing is asked for it."""
    page = new_page(javascript=javascript, width=360)
    register(page)
    page.locator("summary[aria-label=Menu]").click()
    page.get_by_role("link", name="Settings").click()
    expect(page.get_by_text("There is none yet.")).to_be_visible()
    create_key(page, "Laptop", "upload", "read")
    expect(page.get_by_role("heading", name="Your new key, Laptop")).to_be_in_viewport()
    key = page.locator("#fresh-key").inner_text()
    assert key.startswith("ctm_")
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    with page.expect_download() as started:
        page.get_by_role("link", name="Download chitram.sxcu").click()
    assert started.value.suggested_filename == "chitram.sxcu"
    uploader = json.loads(Path(started.value.path()).read_text())
    assert uploader["Headers"] == {"Authorization": f"Bearer {key}"}
    page.goto("/settings")
    expect(page.get_by_text(key)).to_have_count(0)
    page.get_by_role("button", name="Revoke Laptop").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("dialog", name="Revoke this key?")).to_be_hidden()
    page.get_by_role("button", name="Revoke Laptop").click()
    page.get_by_role("dialog", name="Revoke this key?").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("That API key is worth nothing any more.")).to_be_visible()
    expect(page.get_by_text("There is none yet.")).to_be_visible()


def test_a_key_and_the_commands_are_copied_by_a_button(page: Page) -> None:
    """As they are to be pasted."""
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    register(page)
    create_key(page, "Shell", "upload")
    key = page.locator("#fresh-key").inner_text()
    for button, expected in (("Copy key", key), ("Copy commands", f"export CHITRAM_TOKEN={key}\necho ")):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_text("Copied").last).to_be_visible()
        page.wait_for_function(
            "(start) => navigator.clipboard.readText().then((t) => t.startsWith(start))", arg=expected
        )


def test_a_refused_form_is_where_the_visitor_looks(page: Page, watched: Watched) -> None:
    """What was entered is still there, the reason is tied to its input, and the page has not jumped away from it."""
    watched.expected = {"409", "422"}
    register(page)
    create_key(page, "Laptop", "read")
    create_key(page, "Laptop", "read", "delete")
    expect(page.get_by_label("Name")).to_have_accessible_description(re.compile("an API key of this name already"))
    expect(page.get_by_label("Name")).to_have_value("Laptop")
    expect(page.get_by_label("Name")).to_be_focused()
    expect(page.get_by_role("checkbox", name="delete")).to_be_checked()
    create_key(page, "Desk")
    expect(page.get_by_role("checkbox", name="upload")).to_be_focused()
    expect(page.get_by_text("Choose at least one of")).to_be_in_viewport()

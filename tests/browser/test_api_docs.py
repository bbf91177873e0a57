"""`/docs`: Swagger UI under the site's own policy, trying the API of the very site that it stands on."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.account import fresh_address, register
from tests.browser.conftest import NewPage
from tests.browser.site import Site

pytestmark = pytest.mark.browser
PASSWORD = "seven quiet mangoes"


def opened(page: Page, operation: str) -> Locator:
    """The operation's panel, ready to be tried."""
    panel = page.locator(f"[id$={operation}]")
    panel.locator(".opblock-summary-control").click()
    panel.get_by_role("button", name="Try it out").click()
    return panel


def executed(panel: Locator) -> tuple[str, str]:
    """Status and body of the answer that it shows."""
    panel.get_by_role("button", name="Execute").click()
    answer = panel.locator(".live-responses-table .response")
    expect(answer).to_be_visible()
    return answer.locator(".response-col_status").inner_text().split()[0], answer.locator("code").first.inner_text()


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_it_shows_every_operation_in_any_width(new_page: NewPage, width: int) -> None:
    """Nothing sticks out, nothing is asked of another host, not even by a link to here, and the policy holds."""
    page = new_page(width=width)
    page.goto("/docs?url=https://elsewhere.example/openapi.json")
    expect(page.get_by_role("heading", name="Chitram")).to_be_visible()
    assert page.locator(".opblock").count() == page.evaluate(
        "async () => Object.values((await (await fetch('/openapi.json')).json()).paths)"
        ".flatMap((item) => Object.keys(item)).length"
    )
    opened(page, "uploadImage")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_an_upload_can_be_tried_with_a_bearer_token(page: Page, site: Site, picture) -> None:
    """The token is entered once; the picture is then its owner's."""
    token = site.register(fresh_address(), PASSWORD)
    page.goto("/docs")
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".auth-container", has_text=re.compile(r"^bearer"))
    dialog.get_by_role("textbox").fill(token)
    dialog.locator(".authorize").click()
    dialog.locator(".btn-done").click()
    status, body = try_upload(page, picture())
    assert (status, '"delete_token": null' in body) == ("201", True)


def test_an_upload_can_be_tried_with_the_browser_s_session(page: Page, picture) -> None:
    """It comes from this site, so the cookie counts."""
    register(page)
    page.goto("/docs")
    status, body = try_upload(page, picture())
    assert (status, '"delete_token": null' in body) == ("201", True)


def test_the_password_grant_signs_in(page: Page, site: Site) -> None:
    """Address and password in the dialog, then whatever asks for an account."""
    email = fresh_address()
    site.register(email, PASSWORD)
    page.goto("/docs")
    page.get_by_role("button", name="Authorize").click()
    dialog = page.locator(".auth-container", has_text="OAuth2, password")
    dialog.locator("#oauth_username").fill(email)
    dialog.locator("#oauth_password").fill(PASSWORD)
    dialog.locator(".authorize").click()
    expect(dialog.get_by_role("button", name="Remove authorization")).to_be_visible()
    dialog.locator(".btn-done").click()
    status, body = executed(opened(page, "whoAmI"))
    assert (status, email in body) == ("200", True)


def test_without_scripts_it_points_to_the_document(plain_page: Page) -> None:
    """Rather than showing nothing."""
    plain_page.goto("/docs")
    expect(plain_page.get_by_text("With JavaScript the API can be")).to_be_visible()


def try_upload(page: Page, picture: Path) -> tuple[str, str]:
    """Choose the picture and send it."""
    panel = opened(page, "uploadImage")
    panel.locator("input[type=file]").set_input_files(str(picture))
    return executed(panel)

"""Accounts through the pages: register, log in, log out, one's own pictures."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.account import PASSWORD, fresh_address, register, upload_by_form
from tests.browser.conftest import NewPage, Watched

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("javascript", [True, False])
def test_register_log_out_log_in(new_page: NewPage, javascript: bool) -> None:
    """The whole way with and without JavaScript; the session's cookie is out of reach for scripts."""
    page = new_page(javascript=javascript)
    email = register(page)
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie["name"] == "chitram_session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.locator("summary[aria-label=Menu]").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_text("You are logged out.")).to_be_visible()
    assert not [cookie for cookie in page.context.cookies() if cookie["name"] == "chitram_session"]
    page.goto("/login")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="My pictures").first).to_be_visible()


def test_a_refused_login_keeps_the_address_and_never_the_password(page: Page, watched: Watched) -> None:
    """The form comes back with one sentence, the same for an unknown address and a wrong password."""
    watched.expected = {"401"}
    known, unknown = register(page), fresh_address()
    page.context.clear_cookies()
    sentences = []
    for email in (known, unknown):
        page.goto("/login")
        page.get_by_label("Email address").fill(email)
        page.get_by_label("Password").fill("not the password")
        page.locator("main").get_by_role("button", name="Log in").click()
        expect(page.get_by_label("Email address")).to_have_value(email)
        expect(page.get_by_label("Password")).to_have_value("")
        sentences.append(page.locator("main").get_by_role("alert").inner_text())
    assert sentences[0] == sentences[1] == "The email address or the password is wrong."


def test_a_taken_address_is_said_at_its_field(page: Page, watched: Watched) -> None:
    """The reason is tied to the input, so that a screen reader says it there."""
    watched.expected = {"409"}
    email = register(page)
    page.context.clear_cookies()
    page.goto("/register")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open the account").click()
    field = page.get_by_label("Email address")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("There is an account with this email address already.")
    expect(field).to_be_focused()


def test_a_page_that_needs_a_session_leads_to_the_login_and_back(page: Page) -> None:
    """A visitor whose session is over logs in and arrives where he was going."""
    email = register(page)
    page.context.clear_cookies()
    page.goto("/my-images")
    expect(page.get_by_text("Log in to go on.")).to_be_visible()
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="My pictures")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_an_owner_deletes_a_picture_from_the_list(
    new_page: NewPage, picture: Callable[..., Path], javascript: bool
) -> None:
    """Delete asks once, can be declined, and then the picture is gone for good."""
    page = new_page(javascript=javascript)
    register(page)
    if javascript:
        page.goto("/upload")
        page.locator("[data-picker]").set_input_files(str(picture("old.jpg")))
        expect(page.locator(".job")).to_have_attribute("data-state", "done")
    else:
        upload_by_form(page, picture("old.jpg"))
    page.goto("/my-images")
    expect(page.get_by_text("One picture")).to_be_visible()
    page.get_by_role("button", name="Delete old").click()
    page.get_by_role("button", name="Keep it").click()
    expect(page.get_by_role("button", name="Delete for good")).to_be_hidden()
    page.get_by_role("button", name="Delete old").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("The picture is gone.")).to_be_visible()
    expect(page.get_by_role("heading", name="No pictures yet")).to_be_visible()

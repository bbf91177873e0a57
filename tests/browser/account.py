"""Signing in through the pages."""

from itertools import count

from playwright.sync_api import Page, expect

PASSWORD = "seven quiet mangoes"
_numbers = count(1)


def fresh_address() -> str:
    """An address that nobody has registered."""
    return f"asha{next(_numbers)}@example.com"


def register(page: Page) -> str:
    """Open an account through the form; returns its address."""
    email = fresh_address()
    page.goto("/register")
    page.get_by_label("Email address").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Open the account").click()
    expect(page.get_by_role("heading", name="My pictures")).to_be_visible()
    return email


def upload_by_form(page: Page, path: object, visibility: str = "unlisted") -> None:
    """Upload with the plain form; the page must run without JavaScript."""
    page.goto("/upload")
    page.get_by_label("Picture file").set_input_files(str(path))
    page.get_by_label("Who can see it").select_option(visibility)
    page.locator("main").get_by_role("button", name="Upload").click()

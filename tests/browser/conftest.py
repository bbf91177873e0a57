"""One Chromium and one site for all tests of this folder; a fresh context, without cookies, for each test.

Both end with the folder's last test and not with the session's: playwright keeps an event loop running in the main
thread, where other tests run theirs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from tests.browser.site import Site, jpeg, running_site

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SHAPES = ((600, 400), (400, 600), (640, 360), (500, 500), (400, 300), (900, 300))
PUBLIC_PICTURES = 60

NewPage = Callable[..., Page]


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """A headless Chromium."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        expect.set_options(timeout=10_000)
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose public gallery holds three pages, titled Picture 0 (the oldest) to Picture 59."""
    with running_site(tmp_path_factory.mktemp("site")) as running:
        uploaded = [
            running.upload(
                jpeg(*SHAPES[number % len(SHAPES)], seed=number), visibility="public", title=f"Picture {number}"
            )
            for number in range(PUBLIC_PICTURES)
        ]
        for answer in uploaded:
            running.wait_for_thumbnails(answer["id"])
        yield running


class Watched:
    """What went wrong in a page unseen: errors in the console, requests to other hosts."""

    def __init__(self, site: Site) -> None:
        self._origin = site.url
        self.complaints: list[str] = []
        self.expected: set[str] = set()

    def attach(self, context: BrowserContext) -> None:
        """Watch every page of *context*."""
        context.on("console", lambda message: self._note(message.type == "error", message.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", lambda request: self._note(self._is_foreign(request.url), f"request to {request.url}"))

    def _note(self, bad: bool, text: str) -> None:
        if bad and not any(part in text for part in self.expected):
            self.complaints.append(text)

    def _is_foreign(self, url: str) -> bool:
        return not url.startswith((self._origin, "blob:", "data:"))


@pytest.fixture
def watched(site: Site) -> Iterator[Watched]:
    """Fails the test at its end when a page complained; `expected` holds what a test provokes."""
    watching = Watched(site)
    yield watching
    assert watching.complaints == []


@pytest.fixture
def new_page(browser: Browser, site: Site, watched: Watched) -> Iterator[NewPage]:
    """Opens a page in a context of its own: `new_page(width=360, javascript=False, …)`."""
    contexts: list[BrowserContext] = []

    def open_page(*, width: int = 1280, height: int = 900, javascript: bool = True, **options: object) -> Page:
        context = browser.new_context(
            base_url=site.url,
            viewport=ViewportSize(width=width, height=height),
            java_script_enabled=javascript,
            **options,  # type: ignore[arg-type]  # passed through
        )
        watched.attach(context)
        contexts.append(context)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A page of 1280 × 900 pixels, with JavaScript."""
    return new_page()


@pytest.fixture
def plain_page(new_page: NewPage) -> Page:
    """A page without JavaScript."""
    return new_page(javascript=False)


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Writes a picture that no other test uploads, and returns its path."""
    numbers = iter(range(10_000, 20_000))

    def write(name: str = "photo.jpg", *, width: int = 600, height: int = 400) -> Path:
        path = tmp_path / name
        path.write_bytes(jpeg(width, height, seed=next(numbers) + abs(hash(str(tmp_path))) % 9973))
        return path

    return write

"""A real Chromium."""

import shutil

import pytest

from tests.servers.missing import missing

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the installed Chromium, for playwright's `executable_path`."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return found or missing("Chromium", "install it (Debian: apt-get install chromium)")

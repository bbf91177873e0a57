"""curl, for what the documentation and the pages tell people to type."""

import shutil
import subprocess
from collections.abc import Callable

import pytest

from tests.servers.missing import missing

Curl = Callable[..., tuple[int, str]]


@pytest.fixture(scope="session")
def curl() -> Curl:
    """Run curl with some arguments: the answer's status and body."""
    found = shutil.which("curl") or missing("curl", "install it (Debian: apt-get install curl)")

    def run(*arguments: str) -> tuple[int, str]:
        command = [found, "--silent", "--show-error", "--max-time", "30", "--write-out", "\n%{http_code}", *arguments]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        body, _, status = output.rpartition("\n")
        return int(status), body

    return run

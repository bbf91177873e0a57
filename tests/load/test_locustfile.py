"""Locust's users against a real stack: they do what they should, pass where all is well, and notice where it is not."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.api import API
from tests.cli.stack import fetch
from tests.load import stale_service
from tests.servers.command import Chitram

ROOT = Path(__file__).parents[2]
_QUICK = ("--pace", 0.05, "--pixels", 0.1, "--corpus", 12, "--visitors", 4, "--api-clients", 3, "--uploaders", 5)
_PATIENT = ("--p95", 60_000, "--p99", 60_000)
"""No assertion is about how long something took."""

pytestmark = pytest.mark.slow


class Run(NamedTuple):
    """How Locust ended."""

    code: int
    output: str
    result: dict[str, Any]

    @property
    def requests(self) -> dict[str, int]:
        """How many there were of each kind."""
        return {kind["name"]: kind["requests"] for kind in self.result["kinds"]}


Locust = Callable[..., Run]


@pytest.fixture
def locust(tmp_path: Path) -> Locust:
    """Run the locustfile with some options."""

    def run(*options: object) -> Run:
        result = tmp_path / "result.json"
        command = [sys.executable, "-m", "locust", "-f", ROOT / "bench" / "locustfile.py", "--headless"]
        command += ["--only-summary", "--result", result, *options]
        environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        done = subprocess.run(
            list(map(str, command)), cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=100, check=False
        )
        found = json.loads(result.read_text()) if result.exists() else {}
        return Run(done.returncode, done.stdout + done.stderr, found)

    return run


def test_everybody_does_their_part_and_nothing_fails(chitram: Chitram, data: Path, locust: Locust):
    """Twice: the second time finds the pictures there, and thresholds that nobody can meet."""
    url = chitram("up", "--port", 0, "--data", data).wait_for("ready ")
    run = locust("--host", url, "-u", 12, "-r", 12, "-t", "10s", *_QUICK, *_PATIENT, "--hit-ratio", 0.3)
    assert run.code == 0, run.output
    assert (run.result["stale"], run.requests["Aggregated"] > 100) == (0, True)
    visitor = {"gallery page", "static file", "thumbnail", "picture page", "original"}
    uploader = {"sign in", "upload", "edit", "delete", "check that it is gone"}
    assert {"metadata", "list"} | visitor | uploader <= set(run.requests)
    assert any(name.startswith("HIT ") for name in run.result["caches"])
    assert _titles(url) == {f"Corpus {number}" for number in range(12)}, "what was uploaded is still there"

    demanding = locust("--host", url, "-u", 3, "-r", 10, "-t", "2s", *_QUICK, "--p95", 0.001, "--hit-ratio", 1.01)
    assert demanding.code == 1
    failed = [check["name"] for check in demanding.result["checks"] if not check["passed"]]
    assert failed == ["p95", "hit ratio"]
    assert len(_titles(url)) == 12


def test_a_service_that_shows_old_titles_does_not_pass(chitram: Chitram, data: Path, locust: Locust):
    """Every request succeeds, and is stale."""
    script = Path(stale_service.__file__).read_text()
    url = chitram("up", "--port", 0, "--data", data, script=script).wait_for("ready ")
    run = locust("--host", url, "-u", 6, "-r", 10, "-t", "5s", *_QUICK, *_PATIENT)
    assert run.code == 1
    assert run.result["stale"] > 0, run.output
    assert all(sentence.startswith("stale: ") for sentence in run.result["sentences"])


def test_a_load_goes_to_this_machine_unless_another_one_was_named_twice(locust: Locust):
    """Before a single request is sent."""
    run = locust("--host", "http://chitram.invalid", "-u", 1, "-t", "1s")
    assert run.code != 0
    assert "--allow-host chitram.invalid" in run.output


def _titles(url: str) -> set[str]:
    items = json.loads(fetch(f"{url}{API}/images?limit=100")[0])["items"]
    return {item["title"].partition(" · ")[0] for item in items}

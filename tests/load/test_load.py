"""The one command: it starts a stack, loads it, strikes its nodes, and says in Markdown what came of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SMALL = ("--corpus", 8, "--pixels", 0.1, "--pace", 0.1, "--p95", 60_000, "--p99", 60_000)

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("options", "parts"),
    [
        (("--shape", "failover", "--seconds", 12, "--users", 8), {"nodes", "Locust"}),
        (("--stack", "postgres", "--seconds", 4, "--users", 8, "--processes", 2), {"nodes", "Locust", "PostgreSQL"}),
    ],
    ids=["failover", "postgres"],
)
def test_a_load_ends_in_a_section_of_markdown(tmp_path: Path, redis_binary: object, options, parts):
    """With every kind of request, no failure, and the cores that each part used."""
    command = [sys.executable, "-m", "bench.load", "--out", tmp_path, *options, *_SMALL]
    done = subprocess.run(
        list(map(str, command)),
        cwd=ROOT,
        env={**os.environ, "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    section = (tmp_path / "section.md").read_text()
    assert "* stale reads: 0\n" in section
    assert "| **all** | 100.0% |" in section
    assert "* bottleneck: " in section
    assert all(f"\n| {part} | " in section for part in {"service: event loop", *parts})
    assert json.loads((tmp_path / "result.json").read_text())["kinds"][-1]["failures"] == 0
    assert (tmp_path / "report.html").stat().st_size > 1000
    assert (tmp_path / "stats_stats.csv").exists()

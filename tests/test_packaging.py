"""The wheel is whole: built as a release would be, installed elsewhere, and run from there."""

import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path

import pytest

from tests.servers.command import Chitram

ROOT = Path(__file__).parent.parent
UV = Path(sysconfig.get_path("scripts")) / "uv"


def run(*command: object, cwd: Path) -> str:
    """Run a program without anything of the checkout in its environment; what it printed, or fail with its errors."""
    environ = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(
        [*map(str, command)], cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=110
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, made by way of the source distribution."""
    place = tmp_path_factory.mktemp("wheel")
    run(UV, "build", "--quiet", "--out-dir", place, ROOT, cwd=place)
    return next(place.glob("*.whl"))


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel and the locked versions of what it needs."""
    place = tmp_path_factory.mktemp("installed")
    locked = place / "requirements.txt"
    export = ("--frozen", "--no-dev", "--no-emit-project", "--project", ROOT, "--output-file", locked)
    run(UV, "export", "--quiet", *export, cwd=place)
    run(UV, "venv", "--quiet", "--python", sys.executable, "venv", cwd=place)
    found = place / "venv" / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--python", found, "-r", locked, cwd=place)
    run(UV, "pip", "install", "--quiet", "--python", found, "--no-deps", wheel, cwd=place)
    return found


def test_the_wheel_has_everything_and_nothing_else(wheel: Path):
    """Both packages, their types, the migrations, and every file of the web; no tests."""
    names = set(zipfile.ZipFile(wheel).namelist())
    web = {f"chitram/{path.relative_to(ROOT)}" for path in (ROOT / "web").rglob("*") if path.is_file()}
    assert web <= names
    assert {
        "chitram/py.typed",
        "ring/py.typed",
        "chitram/migrations/env.py",
        "chitram/migrations/script.py.mako",
    } <= names
    assert {name.split("/")[0] for name in names} == {"chitram", "ring", wheel.name.split("-py3")[0] + ".dist-info"}


def test_the_installed_command_explains_itself(python: Path, tmp_path: Path):
    """From any directory."""
    said = run(python.parent / "chitram", "--help", cwd=tmp_path)
    for command in ("up", "serve", "migrate", "import"):
        assert re.search(rf"^  {command} ", said, re.MULTILINE)


def test_the_installed_stack_shows_its_gallery(python: Path, chitram: Chitram, data: Path):
    """With the templates, styles and scripts of the wheel, and the packaged Redis nodes."""
    url = chitram("up", "--port", 0, "--data", data, python=python).wait_for("ready ")
    with urllib.request.urlopen(url, timeout=30) as answer:
        page = answer.read().decode()
    assets = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert any(".css" in asset for asset in assets)
    for asset in assets:
        with urllib.request.urlopen(url + asset, timeout=30) as answer:
            assert answer.read()

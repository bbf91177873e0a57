"""Which program the nodes run."""

from pathlib import Path

import pytest

from chitram.embedded.binary import find_binary, probe
from chitram.embedded.errors import NodeError


def program(directory: Path, name: str, version: str) -> Path:
    """A program that says it is a server of that version."""
    path = directory / name
    path.write_text(f"#!/bin/sh\necho '{version}'\n")
    path.chmod(0o755)
    return path


def test_an_installed_server_comes_before_the_packaged_one(tmp_path: Path):
    """What the machine's owner has installed is what runs."""
    installed = program(tmp_path, "valkey-server", "Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc bits=64")
    found = find_binary(search_path=str(tmp_path))
    assert found is not None
    assert (found.path, found.version) == (installed, (8, 1))


def test_a_server_that_is_too_old_is_passed_over(tmp_path: Path):
    """Redis 6 lacks what the cache protocol needs; the packaged server is used instead."""
    old = program(tmp_path, "redis-server", "Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc bits=64")
    found = find_binary(search_path=str(tmp_path))
    assert found is not None
    assert found.path != old
    assert found.version >= (7, 0)


def test_a_chosen_server_that_is_too_old_is_refused_with_its_version(tmp_path: Path):
    """A choice is never replaced silently."""
    old = program(tmp_path, "redis-server", "Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc bits=64")
    with pytest.raises(NodeError, match=r"6\.2 is too old.*7\.0 or later"):
        find_binary(str(old))


@pytest.mark.parametrize("chosen", ["/nowhere/redis-server", "/bin/true", "/etc/passwd"])
def test_a_choice_that_is_no_server_is_refused(chosen: str):
    """Missing, another program, not a program at all."""
    with pytest.raises(NodeError, match="is not a Redis or Valkey server"):
        find_binary(chosen)


def test_a_program_that_breaks_at_once_is_no_server(tmp_path: Path):
    """It is passed over, as if it were not there."""
    broken = tmp_path / "redis-server"
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    assert probe(broken) is None

"""The directory that holds everything a stack keeps."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from chitram.embedded.data_dir import DataDir
from chitram.embedded.errors import DataDirError


def test_a_missing_directory_is_made_for_its_owner_alone(tmp_path: Path):
    """With its parents."""
    with DataDir(tmp_path / "a" / "b") as directory:
        assert stat.S_IMODE(directory.path.stat().st_mode) == 0o700


def test_a_second_stack_is_told_whose_the_directory_is(tmp_path: Path):
    """The sentence has the process id of the first."""
    hold = "import sys; from pathlib import Path; from chitram.embedded.data_dir import DataDir\n"
    hold += "with DataDir(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with (
            pytest.raises(DataDirError, match=rf"in use by another chitram \(process {other.pid}\)"),
            DataDir(tmp_path),
        ):
            pass
        other.kill()
        other.wait()
        with DataDir(tmp_path):  # a lock ends with its holder, even by kill -9
            pass


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/chitram"])
def test_a_place_that_cannot_hold_it_is_refused_in_a_sentence(tmp_path: Path, place: str):
    """A file in its way, a file among its parents, a file system that takes no directory."""
    (tmp_path / "file").touch()
    with pytest.raises(DataDirError, match=r"cannot be used: .*; choose another --data DIR"), DataDir(tmp_path / place):
        pass


def test_the_secret_stays_the_same_and_is_its_owners_alone(tmp_path: Path):
    """So that sessions survive a restart; 32 random bytes."""
    with DataDir(tmp_path / "one") as directory:
        secret = directory.secret()
        assert stat.S_IMODE((directory.path / "jwt_secret").stat().st_mode) == 0o600
    with DataDir(tmp_path / "one") as again, DataDir(tmp_path / "two") as other:
        assert again.secret() == secret
        assert other.secret() != secret
    assert len(bytes.fromhex(secret)) == 32


def test_half_a_secret_is_refused_rather_than_used(tmp_path: Path):
    """And the sentence says what deleting it would cost."""
    with DataDir(tmp_path) as directory:
        (tmp_path / "jwt_secret").write_text("0123\n")
        with pytest.raises(DataDirError, match="damaged: delete it, and everybody has to log in again"):
            directory.secret()


def test_a_secret_that_others_could_read_is_closed(tmp_path: Path):
    """After a careless copy, for instance."""
    with DataDir(tmp_path) as directory:
        directory.secret()
        (tmp_path / "jwt_secret").chmod(0o644)
        directory.secret()
    assert stat.S_IMODE((tmp_path / "jwt_secret").stat().st_mode) == 0o600

"""Where the nodes listen, and what an earlier stack left there."""

import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chitram.embedded.binary import Binary
from chitram.embedded.errors import NodeError
from chitram.embedded.node import NodeProcess, ping
from chitram.embedded.sockets import shut_down_leftovers, socket_directory


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's temporary directory, for this test alone."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(place))
    return place


def test_sockets_are_below_the_data_directory_and_private():
    """No other user of the machine can reach a node."""
    with _short() as data:
        directory = socket_directory(data)
        assert directory == data / "run"
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("name", ["d" * 120, "with a space", "with,comma", "చిత్రం"])
def test_a_path_that_a_socket_cannot_have_is_replaced_by_a_short_one(tmp_path: Path, temporary: Path, name: str):
    """Always by the same one, so that leftovers are found."""
    data = tmp_path / name
    data.mkdir()
    directory = socket_directory(data)
    assert directory.parent == temporary
    assert socket_directory(data) == directory
    assert socket_directory(_made(tmp_path / (name + "2"))) != directory
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_directory_that_somebody_put_in_its_place_is_refused(tmp_path: Path, temporary: Path):
    """In a shared temporary directory anybody can make a link with our name."""
    data = _made(tmp_path / "with a space")
    directory = socket_directory(data)
    directory.rmdir()
    directory.symlink_to(tmp_path)
    with pytest.raises(NodeError, match="belongs to somebody else"):
        socket_directory(data)


def test_nodes_of_an_earlier_stack_are_shut_down(redis_binary: Binary):
    """All of them, whatever their names; and a dead one's socket goes too."""
    with _short() as directory:
        nodes = [NodeProcess(name, redis_binary, directory) for name in "ax"]
        for node in nodes:
            node.start()
        nodes.append(NodeProcess("dead", redis_binary, directory))
        nodes[-1].start()
        nodes[-1].kill()
        assert shut_down_leftovers(directory) == 2
        assert not any(ping(node.socket) for node in nodes)
        assert not list(directory.glob("*.sock"))
        for node in nodes:
            node.stop()


def _made(path: Path) -> Path:
    path.mkdir()
    return path


@contextmanager
def _short() -> Iterator[Path]:
    # pytest's own directories leave no room for a socket's name.
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory:
        yield Path(directory)

"""A backup as files: a directory, or one tar. It appears whole or not at all, and for its owner alone."""

import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

import click

DATABASE = "chitram.db"
MANIFEST = "manifest.json"
BLOBS = "blobs"
_NAME_ONE = "name the directory or the .tar that `chitram backup` made"


class Writer(Protocol):
    """A backup that is being written."""

    def add(self, name: str, file: Path) -> None:
        """Take *file* in under *name*; it is gone from where it was."""
        ...


class Reader(Protocol):
    """A backup that is being read."""

    def open(self, name: str) -> IO[bytes]:
        """One of its files. Raises ``KeyError``."""
        ...


@contextmanager
def written(target: Path) -> Iterator[tuple[Writer, Path]]:
    """A writer for a new backup, with a directory for files on their way into it. What fails leaves nothing behind."""
    if target.exists():
        raise click.UsageError(f"{target} is there already: a backup is never written over, choose another name")
    if target.suffixes[-2:-1] == [".tar"] or target.suffix in {".tgz", ".zip", ".gz"}:
        raise click.UsageError(f"{target.name}: pictures do not get smaller; name a .tar, or a directory")
    if not target.absolute().parent.is_dir():
        raise click.UsageError(f"there is no directory {target.absolute().parent}: make it first")
    before = os.umask(0o077)
    try:
        with tempfile.TemporaryDirectory(dir=target.absolute().parent, prefix=f".{target.name}-") as scratch:
            whole = Path(scratch) / "whole"
            on_the_way = Path(scratch) / "files"
            on_the_way.mkdir()
            if target.suffix == ".tar":
                with tarfile.open(whole, "w", format=tarfile.PAX_FORMAT) as tar:
                    yield TarWriter(tar), on_the_way
            else:
                whole.mkdir()
                yield FolderWriter(whole), on_the_way
            os.sync()  # the name comes after the bytes, also if the power goes
            whole.rename(target)
    finally:
        os.umask(before)


@contextmanager
def opened(source: Path) -> Iterator[Reader]:
    """A reader for a backup. A usage error for what is none."""
    if source.is_dir():
        yield FolderReader(source)
    elif source.is_file():
        try:
            with tarfile.open(source, "r:") as tar:
                yield TarReader(tar)
        except tarfile.TarError as error:
            raise click.UsageError(f"{source} is no whole backup ({error}): {_NAME_ONE}") from error
    else:
        raise click.UsageError(f"{source} is no backup: {_NAME_ONE}")


class FolderWriter:
    """Files below a directory."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def add(self, name: str, file: Path) -> None:
        """Move it in."""
        path = self._root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        file.rename(path)


class TarWriter:
    """One file for all."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar

    def add(self, name: str, file: Path) -> None:
        """Append it."""
        self._tar.add(file, name, recursive=False)
        file.unlink()


class FolderReader:
    """Files below a directory; a link that leads out of it is none."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def open(self, name: str) -> IO[bytes]:
        """One of them."""
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root) or not path.is_file():
            raise KeyError(name)
        return path.open("rb")


class TarReader:
    """Members of a tar; nothing is extracted by the names that stand in it."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        # A sparse one, which no backup has, may be longer than any disk.
        self._members = {member.name: member for member in tar if member.isfile() and not member.issparse()}
        self._tar = tar

    def open(self, name: str) -> IO[bytes]:
        """One of them."""
        file = self._tar.extractfile(self._members[name])
        if file is None:
            raise KeyError(name)
        return file


def copy(source: IO[bytes], target: Path) -> None:
    """The bytes of an open file into a new one, with its directories."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)

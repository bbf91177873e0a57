"""Zips that are handed on while they are written, read by others' programs."""

import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chitram.adapters.spool import Spool
from chitram.adapters.zip_archive import ZipArchive, zip_archive
from tests.archives import assert_whole

NOW = datetime(2026, 1, 2, 3, 4, 6, tzinfo=UTC)
MANY = 66_000
"""More than a zip could once hold (65,535)."""


def entry(archive: ZipArchive, name: str, data: bytes, *, packed: bool = False) -> bytes:
    """Write one, and take what there is."""
    with archive.entry(name, size=len(data), at=NOW, packed=packed) as write:
        write(data)
    return archive.taken()


def test_an_archive_is_read_by_others(tmp_path: Path):
    """Pictures are stored as they are, notes are packed; names, times and rights come along."""
    path = tmp_path / "a.zip"
    with zip_archive(tmp_path) as archive, path.open("wb") as file:
        file.write(entry(archive, "pictures/చిత్రం.jpg", b"x" * 1000))
        file.write(entry(archive, "manifest.json", b"y" * 1000, packed=True))
        file.writelines(archive.finished())
    assert_whole(path)
    with zipfile.ZipFile(path) as read:
        first, second = read.infolist()
        assert (first.filename, read.read(first)) == ("pictures/చిత్రం.jpg", b"x" * 1000)
        assert (first.compress_type, second.compress_type) == (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
        assert (first.date_time, first.external_attr >> 16) == ((2026, 1, 2, 3, 4, 6), 0o100600)
        assert second.compress_size < 100


def write_many(folder: Path, path: Path, count: int) -> None:
    """An archive of so many entries."""
    with zip_archive(folder) as archive, path.open("wb") as file:
        for number in range(count):
            file.write(entry(archive, f"pictures/a name of some length {number}.png", b"x"))
        file.writelines(archive.finished())


def test_more_entries_than_a_zip_could_once_hold(tmp_path: Path):
    """Another reader finds them all; what was spooled is gone."""
    path = tmp_path / "many.zip"
    write_many(tmp_path, path, MANY)
    assert_whole(path)
    with zipfile.ZipFile(path) as read:
        assert len(read.namelist()) == MANY
    assert list(tmp_path.iterdir()) == [path]


def test_memory_does_not_grow_with_the_number_of_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """zipfile alone would keep half a kilobyte of each."""
    monkeypatch.setattr("chitram.adapters.spool.IN_MEMORY", 4096)
    write_many(tmp_path, tmp_path / "warm.zip", 10)
    peaks = []
    for count in (4000, 8000):
        tracemalloc.start()
        try:
            write_many(tmp_path, tmp_path / "many.zip", count)
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 400_000


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """An empty one."""
    spool = Spool(tmp_path)
    yield spool
    spool.close()


def test_a_spool_gives_back_what_it_was_given(spool: Spool, tmp_path: Path):
    """In order, empty records too, more than once, and on after reading; no file has a name."""
    records = [b"", b"x" * 1000, b"y"] * 2000
    for record in records:
        spool.append(record)
    assert list(spool) == records
    spool.append(b"last")
    assert [*records, b"last"] == list(spool)
    assert len(spool) == len(records) + 1
    assert list(tmp_path.iterdir()) == []

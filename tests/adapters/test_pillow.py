"""Pictures that ask for more work than they are worth, and what a thumbnail must not tell."""

import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from chitram.adapters.pillow import PillowPictures
from chitram.domain.errors import InvalidFileFormat, ServiceUnavailable
from tests.pictures import picture

SECRET = b"taken at 12 Garden Street"


@pytest.fixture
def pictures() -> Iterator[PillowPictures]:
    """With threads of its own."""
    opened = PillowPictures(max_pixels=1_000_000)
    yield opened
    opened.close()


def stored(directory: Path, data: bytes) -> Path:
    """A file with these bytes."""
    path = directory / "picture"
    path.write_bytes(data)
    return path


def with_scans(count: int) -> bytes:
    """A progressive JPEG that goes on for *count* scans more, each with nothing new in it."""
    plain = picture("image/jpeg", (8, 8), mode="L", progressive=True)
    table = b"\xff\xc4\x00\x14\x10\x01" + b"\0" * 15 + b"\0"  # the one code: end of block
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x01\x3f\x00" + b"\x7f"
    return plain[:-2] + table + scan * count + b"\xff\xd9"


async def test_a_jpeg_of_endless_scans_is_refused(pictures, tmp_path):
    """Each is a pass over all pixels for a handful of bytes; progressive files have about ten."""
    assert (await pictures.inspect(stored(tmp_path, with_scans(20)))).width == 8
    with pytest.raises(InvalidFileFormat):
        await pictures.inspect(stored(tmp_path, with_scans(200)))


async def test_a_jpeg_of_endless_comments_is_refused(pictures, tmp_path):
    """Reading them would hold up everybody."""
    plain = picture("image/jpeg")
    comment = b"\xff\xfe\x00\x02"
    assert (await pictures.inspect(stored(tmp_path, plain[:2] + comment * 100 + plain[2:]))).width == 64
    with pytest.raises(InvalidFileFormat):
        await pictures.inspect(stored(tmp_path, plain[:2] + comment * 10_000 + plain[2:]))


async def test_what_follows_a_jpeg_is_not_counted(pictures, tmp_path):
    """Telephones put a short film there."""
    film = os.urandom(1000) + b"\xff\xda\x00\x02" * 1000
    assert (await pictures.inspect(stored(tmp_path, picture("image/jpeg") + film))).width == 64


@pytest.mark.parametrize("kind", ["image/jpeg", "image/gif"])
@pytest.mark.parametrize("length", [1, 5000])
async def test_a_thumbnail_says_nothing_of_a_comment(pictures, tmp_path, kind, length):
    """However long it is: it is neither repeated nor in the way."""
    comment = SECRET * length if kind == "image/gif" else SECRET * min(length, 2000)
    path = stored(tmp_path, picture(kind, comment=comment))
    for thumbnail in await pictures.thumbnails(path):
        assert SECRET not in thumbnail.data
        assert "comment" not in Image.open(io.BytesIO(thumbnail.data)).info


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), ServiceUnavailable),
        (OSError(errno.EMFILE, "too many open files"), ServiceUnavailable),
        (OSError(errno.EINVAL, "a seek to before the beginning"), InvalidFileFormat),
        (OSError("image file is truncated"), InvalidFileFormat),
    ],
)
async def test_what_the_machine_lacks_is_not_the_picture_s_fault(pictures, tmp_path, monkeypatch, error, told):
    """It will be read another time; what Pillow says of a broken file has no number of the system, or a bad seek's."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(told):
        await pictures.thumbnails(stored(tmp_path, picture("image/jpeg")))


async def test_a_temporary_file_that_is_lost_is_not_the_picture_s_fault(pictures, tmp_path):
    """Somebody has swept the directory."""
    with pytest.raises(ServiceUnavailable):
        await pictures.thumbnails(tmp_path / "gone")

"""The storage: can be written, has room, and is the one that the database means."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from chitram.adapters.s3_errors import explain
from chitram.cli.doctor.finding import Finding, ok, problem, warning
from chitram.cli.words import size
from chitram.cli.workplace import disk_path
from chitram.domain.errors import ServiceUnavailable
from chitram.services.storage_ports import BlobStorage
from chitram.settings import Settings

SECONDS = 4.0
SMALL_SHARE = 0.05
STUCK = f"a test file is not written within {SECONDS:g} s"
_RIGHTS = "make it a directory that the service's user may write, or name another in LOCAL_STORAGE_PATH"


async def check_storage(settings: Settings, storage: BlobStorage) -> list[Finding]:
    """Write, read and remove a few bytes, within :data:`SECONDS`; then look at the room that is left."""
    try:
        async with asyncio.timeout(SECONDS):
            await storage.check()
    except TimeoutError as error:
        stuck = problem("storage", STUCK, "look after the disk or the mount: dmesg, mount")
        return [stuck if disk_path(settings) else _broken(settings, error)]
    except (ServiceUnavailable, OSError) as error:
        return [_broken(settings, error)]
    return [*_room(settings)] or [ok("storage", "a test file was written, read and removed")]


async def check_newest(storage: BlobStorage, keys: Sequence[str]) -> list[Finding]:
    """Whether the files that the database's newest rows name are here at all."""
    there = await asyncio.gather(*(_is_there(storage, key) for key in keys))
    if all(there):
        return []
    lost = f"{there.count(False)} of the {len(keys)} newest pictures have no file"
    cure = "see where it looks: chitram config show; see what is lost: chitram storage verify"
    return [problem("storage", f"{lost}: is this the storage of this database?", cure)]


async def _is_there(storage: BlobStorage, key: str) -> bool:
    try:
        async with asyncio.timeout(SECONDS), storage.open(key):
            return True
    except KeyError:
        return False
    except (ServiceUnavailable, TimeoutError):
        return True  # whether it answers at all is another check's matter


def _broken(settings: Settings, error: Exception) -> Finding:
    cause = error.__cause__ if isinstance(error.__cause__, Exception) else error
    path = disk_path(settings)
    if path is None:
        where = f"{settings.minio_endpoint}, bucket {settings.minio_bucket}"
        says = f"{where} cannot be used: {explain(cause)}"
        return problem("storage", says, "see what is set: chitram config show; then MINIO_… as it should be")
    return problem("storage", f"{path} cannot be written: {getattr(cause, 'strerror', None) or cause}", _RIGHTS)


def _room(settings: Settings) -> Iterator[Finding]:
    path = disk_path(settings)
    if path is None:
        return
    usage = shutil.disk_usage(_existing(path))
    says = f"{size(usage.free)} of {size(usage.total)} are free"
    cure = "make room, or move the directory and set LOCAL_STORAGE_PATH"
    if usage.free < settings.max_file_bytes:
        yield problem("storage", f"{says}: less than one upload may take", cure)
    elif usage.free < usage.total * SMALL_SHARE:
        yield warning("storage", says, cure)
    else:
        yield ok("storage", f"a test file was written, read and removed; {says}")


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists() and path != path.parent:
        path = path.parent
    return path

"""Both databases, so that every SQL test runs on each; and buckets on a real S3 server."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from chitram.adapters.blobs_s3 import S3Storage
from chitram.adapters.database import Database
from chitram.adapters.s3_bucket import S3Bucket, S3Place
from chitram.adapters.schema import migrate
from tests.servers.swift import Swift

Connect = Callable[[S3Place], Awaitable[S3Storage]]


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of the present schema: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "chitram.db")
        return f"sqlite+aiosqlite:///{tmp_path}/chitram.db"
    url: str = request.getfixturevalue("postgres_url")
    migrate(url)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Connected."""
    opened = Database(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen servers are given up, and absent ones asked again, sooner than in production."""
    monkeypatch.setattr("chitram.adapters.s3_bucket.PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr("chitram.adapters.s3_bucket.RETRY_SECONDS", 0.1)
    monkeypatch.setattr("chitram.adapters.s3_bucket.START_SECONDS", 2.0)


@pytest.fixture
async def connect(tmp_path: Path, impatience: None) -> AsyncIterator[Connect]:
    """Connect to a bucket until the test ends."""
    async with AsyncExitStack() as stack:

        async def start(place: S3Place) -> S3Storage:
            storage = S3Storage(S3Bucket(place), tmp_path / "staging")
            await stack.enter_async_context(storage.connected())
            return storage

        yield start


@pytest.fixture
async def s3_storage(swift: Swift, bucket: str, connect: Connect) -> S3Storage:
    """An empty bucket on a healthy server."""
    return await connect(swift.place(bucket))

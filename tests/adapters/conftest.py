"""Both databases, so that every SQL test runs on each."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from chitram.adapters.database import Database
from chitram.adapters.schema import migrate


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

"""The whole service over real nodes and a real database, spoken to over HTTP."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import CookieJar
from aiohttp.test_utils import TestClient, TestServer

from chitram.adapters.schema import migrate
from chitram.app import create_app
from chitram.embedded.node import NodeProcess
from chitram.keys import DESCRIPTION
from chitram.services.ring_ports import Chaos
from chitram.settings import Settings
from tests.api import healthy
from tests.described import described

StartService = Callable[..., Awaitable[TestClient[Any, Any]]]


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database of the present schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "chitram.db"
    migrate(f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture
def own_settings(tmp_path: Path, migrated_sqlite: Path) -> dict[str, object]:
    """SQLite and storage in the test's directory, no nodes."""
    shutil.copy(migrated_sqlite, tmp_path / "chitram.db")
    return {
        "database_url": f"sqlite+aiosqlite:///{tmp_path}/chitram.db",
        "local_storage_path": str(tmp_path / "blobs"),
    }


@pytest.fixture
def on_postgres(postgres_url: str) -> dict[str, object]:
    """Settings for a PostgreSQL database of this test alone."""
    return {"database_url": postgres_url}


@pytest.fixture
async def start_service(own_settings: dict[str, object]) -> AsyncIterator[StartService]:
    """Start a service; settings by name change what `own_settings` says. More than one shares database and storage.

    Whatever it answers is held against its own description (`tests/described.py`).
    """
    clients: list[TestClient[Any, Any]] = []

    async def start(*, sole: bool = True, chaos: Chaos | None = None, **wanted: object) -> TestClient[Any, Any]:
        app = create_app(Settings.load({}, {**own_settings, **wanted}, dotenv=None), sole=sole, chaos=chaos)
        client = TestClient(
            TestServer(app), cookie_jar=CookieJar(unsafe=True), middlewares=(described(app[DESCRIPTION]),)
        )
        clients.append(client)
        await client.start_server()
        return client

    yield start
    for client in clients:
        await client.close()


@pytest.fixture
async def service(start_service: StartService) -> TestClient[Any, Any]:
    """A service on SQLite, uncached."""
    return await start_service()


@pytest.fixture
async def cached_service(start_service: StartService, redis_nodes: dict[str, NodeProcess]) -> TestClient[Any, Any]:
    """A service on SQLite behind three real nodes, all of them trusted."""
    client = await start_service(redis_nodes=node_list(redis_nodes))
    await healthy(client)
    return client


def node_list(nodes: dict[str, NodeProcess]) -> str:
    """What REDIS_NODES would be."""
    return ",".join(f"{name}={node.address}" for name, node in nodes.items())

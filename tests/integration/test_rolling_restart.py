"""Two processes on PostgreSQL behind a real Caddy with the file of compose.yaml, restarted in turn under load."""

import asyncio
import hashlib
import signal
from pathlib import Path

import pytest
from aiohttp import ClientSession

from chitram.embedded.node import NodeProcess
from tests.api import API, PASSWORD
from tests.cli.stack import fetch
from tests.integration.customers import Customers
from tests.servers.command import Chitram, Running
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres
from tests.servers.proxy import StartProxy
from tests.servers.service import node_list
from tests.waiting import until


@pytest.fixture
def environ(postgres_url: str, redis_nodes: dict[str, NodeProcess], tmp_path: Path) -> dict[str, str]:
    """What all processes share."""
    return {
        "DATABASE_URL": postgres_url,
        "LOCAL_STORAGE_PATH": str(tmp_path / "blobs"),
        "REDIS_NODES": node_list(redis_nodes),
    }


async def test_restarting_one_process_after_the_other_fails_no_request(
    chitram: Chitram, start_proxy: StartProxy, postgres: Postgres, environ: dict[str, str]
):
    """Each is gone within ten seconds; no request fails; nothing is lost, half stored or back from the dead."""
    ports = [free_port(), free_port()]

    async def start(port: int) -> Running:
        running = chitram("serve", "--port", port, environ=environ)
        await asyncio.to_thread(running.wait_for, "ready ")
        return running

    processes = [await start(port) for port in ports]
    url = start_proxy(*(f"127.0.0.1:{port}" for port in ports)).http
    async with ClientSession() as session:
        token = await _register(session, url)
        customers = Customers(session, url, token)
        customers.arrive()
        for index, port in enumerate(ports):
            await until(lambda: len(customers.served_by) >= 2)
            await _served(customers, 50)
            processes[index].interrupt(signal.SIGTERM)
            assert await asyncio.to_thread(processes[index].wait, 10) == 0
            assert "cut off" not in processes[index].errors
            processes[index] = await start(port)
            customers.served_by.clear()
        await until(lambda: len(customers.served_by) == 2)
        await customers.leave()
    assert customers.failures == []
    await _nothing_is_lost(customers, url, postgres, environ)


async def _served(customers: Customers, more: int) -> None:
    enough = customers.done + more
    await until(lambda: customers.done > enough)


async def _register(session: ClientSession, url: str) -> str:
    account = {"email": "ann@example.com", "password": PASSWORD}

    async def taken_in() -> bool:
        async with session.get(f"{url}/health/ready") as answer:
            return answer.status == 200

    await until(taken_in)
    async with session.post(f"{url}{API}/auth/register", json=account) as answer:
        return str((await answer.json())["access_token"])


async def _nothing_is_lost(customers: Customers, url: str, postgres: Postgres, environ: dict[str, str]) -> None:
    database, blobs = environ["DATABASE_URL"].rpartition("/")[2], Path(environ["LOCAL_STORAGE_PATH"])
    kept = set(customers.digests) - customers.deleted
    for image_id in kept:
        body, _ = await asyncio.to_thread(fetch, f"{url}{API}/images/{image_id}/file")
        assert hashlib.sha256(body).hexdigest() == customers.digests[image_id]

    def ask(question: str) -> set[str]:
        return set(postgres.execute(question, database=database).split("\n"))

    assert ask("SELECT id || ' ' || title FROM images") == {f"{each} {customers.titles[each]}" for each in kept}
    assert {path.name for path in (blobs / "originals").rglob("*") if path.is_file()} == kept
    await until(lambda: ask("SELECT DISTINCT thumbnails FROM images") == {"ready"}, seconds=30)
    assert not any((blobs / "staging").iterdir())  # only now: a thumbnail is staged too

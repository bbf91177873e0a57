"""A crowd at one cold key: the single flight in each process, and the lease between processes, let one of them load."""

import asyncio
import re
import sys
import tempfile
from pathlib import Path
from statistics import median

import pytest
from aiohttp import ClientSession, TCPConnector

from tests.api import API, PASSWORD, upload_form
from tests.faults.processes import Process
from tests.faults.stage import staged
from tests.pictures import picture

CROWD, ROUNDS = 300, 7

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="links are told apart by /proc/self/cwd, which Linux has"),
]


async def loads(session: ClientSession, processes: list[Process]) -> int:
    """How often all processes together have read the database for a key that no node had."""
    total = 0.0
    for process in processes:
        async with session.get(f"{process.url}/metrics") as answer:
            found = re.findall(r"^ring_loads_total\{[^}]*\} (\S+)", await answer.text(), re.MULTILINE)
            total += sum(map(float, found))
    return int(total)


async def owned_picture(session: ClientSession, process: Process) -> str:
    """A new account's picture, which the session may change: its address."""
    account = {"email": "ann@example.com", "password": PASSWORD}
    async with session.post(f"{process.url}{API}/auth/register", json=account) as answer:
        session.headers["Authorization"] = f"Bearer {(await answer.json())['access_token']}"
    async with session.post(f"{process.url}{API}/images/upload", data=upload_form(picture())) as answer:
        return f"{API}/images/{(await answer.json())['id']}"


async def test_three_hundred_requests_for_a_cold_key_cost_one_read(redis_binary, postgres_url):
    """Over three processes. As a median: on a machine that stands still for 100 ms who waits reads for himself."""
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory:
        async with (
            staged(Path(directory), redis_binary, postgres_url) as stage,
            ClientSession(connector=TCPConnector(limit=0), headers={}) as session,
        ):
            taken = await rounds_of(session, stage.processes)
    assert min(taken) == 1
    assert median(taken) == 1, taken


async def rounds_of(session: ClientSession, processes: list[Process]) -> list[int]:
    """How many reads each round cost, every one of its answers being the same and right."""
    path = await owned_picture(session, processes[0])
    taken = []
    for number in range(ROUNDS):
        async with session.patch(f"{processes[number % 3].url}{path}", json={"title": f"Title {number}"}) as answer:
            assert answer.status == 200
        before = await loads(session, processes)
        titles = await asyncio.gather(*(title(session, f"{processes[n % 3].url}{path}") for n in range(CROWD)))
        assert set(titles) == {f"Title {number}"}
        taken.append(await loads(session, processes) - before)
    return taken


async def title(session: ClientSession, url: str) -> str:
    """What a reader sees."""
    async with session.get(url) as answer:
        fields = await answer.json()
        return str(fields["title"])

"""A crowd at one cold key: the single flight in each process, and the lease between processes, let one of them load."""

import asyncio
import re
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import pytest
from aiohttp import ClientSession, TCPConnector

from chitram.embedded.binary import Binary
from tests.api import API, PASSWORD, bearer, upload_form
from tests.faults import broken_service
from tests.faults.processes import CHITRAM, Process
from tests.faults.stage import staged
from tests.pictures import picture

CROWD, ROUNDS = 300, 12

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


async def owned_picture(session: ClientSession, process: Process) -> tuple[str, dict[str, str]]:
    """A new account's picture: its address, and the headers with which it may be changed."""
    account = {"email": "ann@example.com", "password": PASSWORD}
    async with session.post(f"{process.url}{API}/auth/register", json=account) as answer:
        headers = bearer((await answer.json())["access_token"])
    form = upload_form(picture())
    async with session.post(f"{process.url}{API}/images/upload", data=form, headers=headers) as answer:
        return f"{API}/images/{(await answer.json())['id']}", headers


async def test_three_hundred_requests_for_a_cold_key_cost_one_read(redis_binary, postgres_url):
    """Over three processes; as a median, since who waits for another process reads for himself after 100 ms."""
    taken = await crowded(redis_binary, postgres_url)
    assert median(taken) == 1, taken


async def test_without_the_lease_every_process_reads(redis_binary, postgres_url):
    """In every round: what the test above finds is the lease, and not luck."""
    taken = await crowded(redis_binary, postgres_url, (broken_service.__file__, "lease"))
    assert min(taken) >= 3, taken


async def crowded(binary: Binary, url: str, command: Sequence[str] = CHITRAM) -> list[int]:
    """How many reads of the database each crowd cost."""
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory:
        async with (
            staged(Path(directory), binary, url, command) as stage,
            ClientSession(connector=TCPConnector(limit=0)) as session,
        ):
            taken = await rounds_of(session, stage.processes)
    print(f"\ndatabase reads for {CROWD} requests, by round: {taken}")  # noqa: T201  the number that was asked for
    return taken


async def rounds_of(session: ClientSession, processes: list[Process]) -> list[int]:
    """How many reads each round cost, every one of its answers being the same and right."""
    path, headers = await owned_picture(session, processes[0])
    taken = []
    for number in range(ROUNDS):
        url, change = f"{processes[number % 3].url}{path}", {"title": f"Title {number}"}
        async with session.patch(url, json=change, headers=headers) as answer:
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

"""What do clients see while Redis nodes die, freeze and come back? Two minutes, a table, and bench/plots/failover.png.

    python -m bench.failover [RATE]

One service process on uvloop and SQLite, three nodes, uniform reads of 2,000 images at RATE a second (1,500), four
clients that change titles. First: one node is killed and brought back, another one frozen and thawed. Then: every node
is dead for a minute, at a fifth of the rate, which the database has to carry alone.
"""

import asyncio
import os
import platform
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import uvloop

from bench.failover_plot import draw
from bench.failover_result import Read, Result, Write, table
from bench.failover_stack import Stack, stack
from bench.open_loop import Client, at_rate, header
from chitram.embedded.node import NodeProcess
from ring import Options
from tests.faults.truth import History, verdict

RATE = 1500.0
IMAGES = 2000
WRITERS, WRITE_PAUSE = 4, 2.0
PLOT = Path(__file__).parent / "plots" / "failover.png"
_TITLE = re.compile(rb'"title":"(\d+)"')

Event = tuple[float, str, str, Callable[[NodeProcess], None]]
"""When (s), how the plot calls it, which nodes, and what is done to them."""

ONE_NODE: Sequence[Event] = (
    (10, "a killed", "a", NodeProcess.kill),
    (25, "a back", "a", NodeProcess.spawn),
    (35, "b frozen", "b", NodeProcess.pause),
    (45, "b thawed", "b", NodeProcess.resume),
)
ALL_NODES: Sequence[Event] = ((5, "all killed", "abc", NodeProcess.kill), (65, "all back", "abc", NodeProcess.spawn))


class Run:
    """One load on one stack, and what came of it."""

    def __init__(self, stack: Stack, client: Client, ids: list[str]) -> None:
        self.result = Result()
        self._stack = stack
        self._client = client
        self._histories = {image_id: History(time.monotonic()) for image_id in ids}
        self._ids = ids
        self._began = 0.0

    async def warm(self) -> None:
        """Read until everything is cached."""
        for image_id in self._ids * 2:
            await self._client.request("GET", _path(image_id))

    async def play(self, rate: float, seconds: float, events: Sequence[Event]) -> Result:
        """Load for some seconds while the events happen."""
        self._began = time.monotonic()
        others = [asyncio.ensure_future(self._write(number, seconds)) for number in range(WRITERS)]
        others.append(asyncio.ensure_future(self._happen(events)))
        await at_rate(rate, seconds, self._read)
        await asyncio.gather(*others)
        self.result.events = [(at, name) for at, name, *_ in events]
        return self.result

    async def _read(self, due: float) -> None:
        image_id = random.choice(self._ids)
        history, sent = self._histories[image_id], time.monotonic()
        acknowledged = history.acknowledged
        try:
            answer = await self._client.request("GET", _path(image_id))
        except (OSError, asyncio.IncompleteReadError):
            self.result.reads.append(Read(due - self._began, time.monotonic() - due, sent - due, "failed"))
            return
        now = time.monotonic()
        cache = header(answer.head, b"x-cache").decode().upper() if answer.status == 200 else "failed"
        self.result.reads.append(Read(due - self._began, now - due, sent - due, cache))
        found = _TITLE.search(answer.body)
        if found:
            wrong = verdict(history, int(found[1]), acknowledged=acknowledged, began=sent, d_read=Options().d_read)
            self.result.stale += bool(wrong)

    async def _write(self, number: int, seconds: float) -> None:
        mine = self._ids[number::WRITERS]
        headers = f"Authorization: Bearer {self._stack.token}\r\nContent-Type: application/json\r\n"
        while (began := time.monotonic()) < self._began + seconds:
            image_id = random.choice(mine)
            history = self._histories[image_id]
            version = history.next()
            body = b'{"title":"%d"}' % version
            answer = await self._client.request("PATCH", _path(image_id), headers=headers, body=body)
            now = time.monotonic()
            if answer.status == 200:
                history.acknowledge(version, now)
            self.result.writes.append(Write(began - self._began, now - began, answer.status))
            await asyncio.sleep(random.uniform(0, 2 * WRITE_PAUSE))

    async def _happen(self, events: Sequence[Event]) -> None:
        for at, _, names, strike in events:
            await asyncio.sleep(self._began + at - time.monotonic())
            for name in names:
                strike(self._stack.nodes[name])


async def measure(rate: float) -> tuple[Result, Result]:
    """Both scenarios, on one stack."""
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory:
        async with stack(Path(directory), IMAGES) as running, Client("127.0.0.1", running.port) as client:
            first = Run(running, client, running.ids)
            await first.warm()
            one = await first.play(rate, 60, ONE_NODE)
            await running.whole()
            second = Run(running, client, await running.reset())
            await second.warm()
            return one, await second.play(rate / 5, 75, ALL_NODES)


def main() -> None:
    """Measure, print, draw."""
    rate = float(sys.argv[1]) if len(sys.argv) > 1 else RATE
    before = os.getloadavg()[0]
    one, every = uvloop.run(measure(rate))
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, {IMAGES:,} images, {rate:,.0f} and ", end="")
    print(f"{rate / 5:,.0f} reads/s; load average {before:.1f} before, {os.getloadavg()[0]:.1f} after\n")
    print(table(one, every))
    PLOT.parent.mkdir(exist_ok=True)
    draw(one, every, PLOT)


def _path(image_id: str) -> str:
    return f"/api/v1/images/{image_id}"


if __name__ == "__main__":
    main()

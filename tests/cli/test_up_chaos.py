"""The chaos strip of a real `chitram up`: what it breaks comes back, and it never outlives the stack."""

import asyncio
import re
import signal
import urllib.request
from collections.abc import Callable
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.parse import urlencode

from tests.cli.stack import node_processes
from tests.servers.command import Chitram, Running
from tests.waiting import until

PASSWORD = "correct horse battery"
Ask = Callable[..., str]


def signed_in(chitram: Chitram, data: Path, url: str) -> Ask:
    """Asks for pages as an administrator, or sends a form when given fields."""
    made = chitram("user", "--data", data, "create-admin", "ada@example.com", environ={"CHITRAM_PASSWORD": PASSWORD})
    assert made.wait() == 0
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def ask(path: str, **fields: str) -> str:
        body = urlencode(fields).encode() if fields else None
        with opener.open(f"{url}{path}", body, timeout=30) as answer:
            text: str = answer.read().decode()
            return text

    ask("/login", email="ada@example.com", password=PASSWORD)
    return ask


def started(chitram: Chitram, data: Path) -> tuple[Running, str]:
    """A stack and its address."""
    up = chitram("up", "--port", 0, "--data", data)
    return up, up.wait_for("ready ")


def test_a_killed_node_is_shown_dead_and_comes_back_by_itself(chitram: Chitram, data: Path):
    """From the page to the process and back."""
    _, url = started(chitram, data)
    ask = signed_in(chitram, data, url)
    before = set(node_processes(data))
    assert "Break something" in ask("/admin/ring")
    assert "dead, started again by itself" in ask("/admin/ring/chaos", name="b", deed="kill")
    assert len(node_processes(data)) == 2

    async def back() -> bool:
        text = await asyncio.to_thread(ask, "/admin/ring")
        return "3 of 3 nodes serving" in text and len(set(node_processes(data)) - before) == 1

    asyncio.run(until(back, seconds=30))
    assert re.search(r"chaos: kill", ask("/admin/ring"))


def test_the_stack_stops_in_time_with_broken_nodes(chitram: Chitram, data: Path):
    """And leaves no process behind, frozen or not."""
    up, url = started(chitram, data)
    ask = signed_in(chitram, data, url)
    ask("/admin/ring/chaos", name="a", deed="freeze")
    ask("/admin/ring/chaos", name="b", deed="slow")
    up.interrupt(signal.SIGTERM)
    assert up.wait(10) == 0
    assert node_processes(data) == []
    assert "Traceback" not in up.errors

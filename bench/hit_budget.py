"""Where does each microsecond of a HIT go? One layer more with each line, all of them measured in turns.

    python -m bench.hit_budget [ROUNDS]

Requests are put straight into aiohttp's protocol and answers taken out of it, 32 connections at a time, so that no
socket but the node's and no other process is in the numbers. The best round of each counts: the others were disturbed.
Writes `bench/plots/hit_budget.png` where matplotlib is installed (dependency group `bench`).
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import uvloop
from aiohttp import web

from chitram.adapters.ring_cache import CachedImages, pack
from chitram.domain.identifiers import ImageId, new_image_id
from chitram.domain.image import Visibility
from chitram.embedded.binary import find_binary
from chitram.embedded.nodes import Nodes
from chitram.handlers import api_images
from chitram.handlers.encoded import Encoded
from chitram.handlers.middlewares import observed
from chitram.keys import GALLERY, HEALTH
from chitram.metrics import Metrics
from chitram.services.gallery import Gallery
from chitram.services.health import Health
from chitram.services.image_ports import Document
from ring import Found, MemoryLog, RingCache

CONNECTIONS, REQUESTS = 32, 10_000
DOCUMENT = Document(Visibility.UNLISTED, None, "b/lob", "3d0d66981901940e50fca38c18aed9e3", b"{" + b"x" * 830 + b"}")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Connect = Callable[[], Any]
T = TypeVar("T")


class Client(asyncio.Transport):
    """The far side of one connection: whatever is answered, the next request follows."""

    def __init__(self, protocol: Any, request: bytes, run: "Run") -> None:
        super().__init__()
        self._protocol, self._request, self._run = protocol, request, run

    def write(self, data: Any) -> None:
        """An answer."""
        if self._run.answered(bytes(data)):
            asyncio.get_running_loop().call_soon(self._protocol.data_received, self._request)

    def is_closing(self) -> bool:
        """Never by itself."""
        return False

    def close(self) -> None:
        """Nothing to close."""

    def pause_reading(self) -> None:
        """Nothing to pause."""

    resume_reading = abort = close


class Run:
    """One round: how many answers are still to come."""

    def __init__(self) -> None:
        self.left = REQUESTS
        self.done = asyncio.get_running_loop().create_future()

    def answered(self, answer: bytes) -> bool:
        """Count an answer; True while more are wanted."""
        if not answer.startswith(b"HTTP/1.1 200 OK") and not self.done.done():
            self.done.set_exception(RuntimeError(f"an answer was not as it should be: {answer!r}"))
        self.left -= 1
        if self.left <= 0 and not self.done.done():
            self.done.set_result(None)
        return self.left > 0


async def microseconds(connect: Connect, request: bytes) -> float:
    """CPU time of this process for one request."""
    run = Run()
    protocols = [connect() for _ in range(CONNECTIONS)]
    for protocol in protocols:
        protocol.connection_made(Client(protocol, request, run))
    began = time.process_time()
    for protocol in protocols:
        protocol.data_received(request)
    await run.done
    spent = time.process_time() - began
    for protocol in protocols:
        protocol.connection_lost(None)
    return spent / REQUESTS * 1e6


class Ready:
    """A cache that has everything in this process: what is left is the service around it."""

    async def get_or_load(self, key: str, load: object, decode: Callable[[bytes], T]) -> Found[T]:  # noqa: ARG002  the ring's signature
        """Answer after one turn of the loop, as a node would at best."""
        await asyncio.sleep(0)
        return Found(decode(pack(DOCUMENT)), "hit", "a")


async def plain(_request: web.Request) -> web.Response:
    """What aiohttp itself costs."""
    return web.Response(body=DOCUMENT.body, content_type="application/json")


async def encoded(_request: web.Request) -> web.StreamResponse:
    """The same in one piece."""
    return Encoded("Content-Type: application/json\r\nCache-Control: no-cache\r\n", DOCUMENT.body)


def application(handler: Handler, path: str, cache: Any = None, *, watched: bool = True) -> web.Application:
    """An application of one route."""
    app = web.Application()
    rows = [web.get(path, handler)]

    async def fine() -> None:
        pass

    app[HEALTH] = health = Health(database=fine, storage=fine, nodes=list)
    app.add_routes(observed(rows, Metrics(version="0"), health) if watched else rows)
    app[GALLERY] = Gallery(images=CachedImages(None, cache), storage=None)  # type: ignore[arg-type]  # hits need neither
    return app


async def real_cache(stack: AsyncExitStack, image_id: ImageId) -> RingCache:
    """A ring over three real nodes that holds the document."""
    directory = stack.enter_context(tempfile.TemporaryDirectory())
    nodes = Nodes.named(3, find_binary(None) or sys.exit("no Redis or Valkey server found"), Path(directory))
    stack.callback(nodes.stop)
    for error in nodes.start():
        sys.exit(str(error))
    cache = RingCache(nodes.addresses, MemoryLog(), observer=Metrics(version="0"))
    await cache.start()
    stack.push_async_callback(cache.close)

    async def load() -> bytes:
        return pack(DOCUMENT)

    while (await cache.get_or_load(f"image:{image_id}", load)).result != "hit":  # noqa: ASYNC110  no event says so
        await asyncio.sleep(0.05)
    return cache


async def measure(rounds: int) -> dict[str, float]:
    """Microseconds by layer, each with all those above it."""
    image_id, pattern = new_image_id(), "/api/v1/images/{id}"
    async with AsyncExitStack() as stack:
        cache = await real_cache(stack, image_id)
        layers = {
            "a bare aiohttp handler": (application(plain, "/", watched=False), "/"),
            "+ an address with an id in it": (application(plain, pattern, watched=False), None),
            "+ id, clock, errors, headers of every answer": (application(plain, pattern), None),
            "the answer as one piece of bytes instead": (application(encoded, pattern), None),
            "+ gallery, access rule, cached document": (application(api_images.show, pattern, Ready()), None),
            "+ the ring, a real node instead of memory": (application(api_images.show, pattern, cache), None),
        }
        servers: dict[str, tuple[Connect, bytes]] = {}
        for name, (app, path) in layers.items():
            runner = web.AppRunner(app, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            address = path or pattern.replace("{id}", image_id)
            servers[name] = (runner.server, f"GET {address} HTTP/1.1\r\nHost: x\r\n\r\n".encode())  # type: ignore[assignment]  # a server makes protocols
        taken = [[await microseconds(*server) for server in servers.values()] for _ in range(rounds)]
    return dict(zip(servers, map(min, zip(*taken, strict=True)), strict=True))


def draw(found: dict[str, float]) -> None:
    """A bar for each layer."""
    import matplotlib as mpl  # noqa: PLC0415  only where a picture is wanted

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415  after the choice of a drawing engine

    figure, axes = plt.subplots(figsize=(9, 3.2), layout="constrained")
    bars = axes.barh(list(found), list(found.values()), color=["#B8AFA3", *["#C4956A"] * (len(found) - 1)])
    axes.bar_label(bars, fmt="%.1f", padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("µs of CPU a request, everything above included")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(Path(__file__).parent / "plots" / "hit_budget.png", dpi=130)


def main() -> None:
    """Measure, print the table, draw it."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    found = uvloop.run(measure(rounds))
    print("| | µs a request |\n|---|---|")
    for name, value in found.items():
        print(f"| {name} | {value:.1f} |")
    with suppress(ImportError):
        draw(found)


if __name__ == "__main__":
    main()

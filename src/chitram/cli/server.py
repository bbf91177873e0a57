"""Run an application until somebody asks it to stop: the one way in which `up` and `serve` do."""

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from chitram.cli.file_limit import raise_file_limit
from chitram.cli.listener import AddressError, explain, url_of
from chitram.keys import HEALTH, METRICS

DRAIN_SECONDS = 5.0
"""What requests under way have to finish in once the service stops."""
CUT_SECONDS = 1.0
"""And how long those that did not are given to be cut off."""
STOP_SECONDS = 8.0
"""After which the service ends however it looks; `up` has ten seconds for this and the nodes."""
_BACKLOG = 65_535
"""As many as the system allows (`net.core.somaxconn`): who comes while it is full waits for seconds or is cut off."""
_log = logging.getLogger(__name__)


Site = tuple[web.Application, socket.socket]
"""An application and the bound socket that it is to listen on."""


def run_service(
    app: web.Application, listener: socket.socket, *, on_ready: Callable[[str], None], beside: Sequence[Site] = ()
) -> None:
    """Serve on a bound socket until SIGINT, SIGTERM or SIGHUP; `on_ready` gets the URL once it answers there. What is
    `beside` it (probes on a port of their own) answers to the end, also while requests under way are finishing.

    The first signal stops gracefully, a second one ends the process at once. Raises AddressError when
    the socket cannot listen, and whatever the application raises when it cannot start.
    """
    raise_file_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve([(app, listener), *beside], on_ready))


def configure_logging(*, debug: bool) -> None:
    """Say what happens on stderr, a line each."""
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
        datefmt="%H:%M:%S",
    )
    for chatty in ("alembic", "aiosqlite", "asyncio", "PIL"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    # It repeats malformed requests, with whatever secret is in them; errors of ours are logged by the middleware.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


async def _serve(sites: Sequence[Site], on_ready: Callable[[str], None]) -> None:
    # Compressed bodies are not asked for, and unpacking a bomb would hold the event loop up before anybody can refuse.
    runners = [
        web.AppRunner(app, access_log=None, shutdown_timeout=CUT_SECONDS, auto_decompress=False) for app, _ in sites
    ]
    listeners = [listener for _, listener in sites]
    stop = asyncio.ensure_future(_stop_signal().wait())
    start = asyncio.ensure_future(_start(runners, listeners, on_ready))
    try:
        await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            start.result()
            await stop
    finally:
        start.cancel()
        stop.cancel()
        await asyncio.wait({start, stop})
        await _clean_up(runners)


async def _start(
    runners: Sequence[web.AppRunner], listeners: Sequence[socket.socket], on_ready: Callable[[str], None]
) -> None:
    for runner, listener in zip(runners, listeners, strict=True):
        await _listen(runner, listener)
    url = url_of(listeners[0])
    await _until_it_answers(url)
    on_ready(url)


async def _listen(runner: web.AppRunner, listener: socket.socket) -> None:
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
    except OSError as error:
        raise AddressError(explain(error, *listener.getsockname()[:2])) from error


async def _until_it_answers(url: str) -> None:
    async with ClientSession(timeout=ClientTimeout(total=5)) as session:
        while True:
            try:
                async with session.get(f"{url}/health/live") as answer:
                    answer.raise_for_status()
                    return
            except (ClientError, TimeoutError) as error:
                _log.info("not answering yet: %s", error)
                await asyncio.sleep(0.2)


async def _clean_up(runners: Sequence[web.AppRunner]) -> None:
    try:
        await _drain(runners[0])
        async with asyncio.timeout(STOP_SECONDS):
            for runner in runners:
                await runner.cleanup()
    except TimeoutError:
        _log.warning("not everything stopped within %g s; ending anyway", STOP_SECONDS)


async def _drain(runner: web.AppRunner) -> None:
    """Take no new connection, and let the requests that are under way finish: aiohttp's own shutdown would throw away
    what is still to come of their bodies.
    """
    runner.app[HEALTH].draining = True
    for site in list(runner.sites):
        await site.stop()
    deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
    # A counter on the path of every request is cheaper than an event that only the last seconds of a process need.
    while runner.app[METRICS].in_flight and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110  see above
        await asyncio.sleep(0.02)


def _stop_signal() -> asyncio.Event:
    asked = asyncio.Event()

    def stop(number: int) -> None:
        if asked.is_set():
            os._exit(128 + number)  # on Linux the nodes go with the process, elsewhere the next start ends them
        _log.info("stopping; once more to end at once")
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    return asked


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    try:
        import uvloop  # noqa: PLC0415 - a faster loop where there is one
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory

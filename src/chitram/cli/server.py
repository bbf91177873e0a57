"""Run an application until somebody asks it to stop: the one way in which `up` and `serve` do."""

import asyncio
import gc
import logging
import socket
import sys
from collections.abc import Callable, Sequence

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from chitram.cli.file_limit import raise_file_limit
from chitram.cli.listener import AddressError, explain, url_of
from chitram.cli.stopping import CUT_SECONDS, Stop
from chitram.handlers.access_log import AccessLog
from chitram.logs import get_logger

OnReady = Callable[[str], None]
Site = tuple[web.Application, socket.socket]
"""An application and the bound socket that it is to listen on."""
_BACKLOG = 65_535
"""As many as the system allows (`net.core.somaxconn`): who comes while it is full waits for seconds or is cut off."""
_NEW_OBJECTS = 10_000
"""Python's 700 are reached by the requests of some fifty connections."""
_log = get_logger(__name__)


def run_service(
    app: web.Application,
    listener: socket.socket | None,
    *,
    on_ready: OnReady,
    delay: float = 0.0,
    log_requests: bool = False,
    beside: Sequence[Site] = (),
) -> None:
    """Serve on a bound socket until SIGINT, SIGTERM or SIGHUP; `on_ready` gets the URL once it answers there. Without
    a socket it runs the same, answers nobody, and `on_ready` gets an empty URL. What is `beside` it (probes on a port
    of their own) answers to the end, also while requests under way are finishing.

    The first signal stops gracefully, a second one ends the process at once. After SIGTERM requests are taken for
    `delay` more seconds, while readiness says no. Raises AddressError when the socket cannot listen, and whatever the
    application raises when it cannot start.
    """
    raise_file_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(app, listener, on_ready, delay, log_requests=log_requests, beside=beside))


def _runner(app: web.Application, *, log_requests: bool) -> web.AppRunner:
    # Compressed bodies are not asked for, and unpacking a bomb would hold the event loop up before anybody can refuse.
    return web.AppRunner(
        app,
        access_log=logging.getLogger("chitram.access") if log_requests else None,
        access_log_class=AccessLog,
        shutdown_timeout=CUT_SECONDS,
        auto_decompress=False,
    )


async def _serve(
    app: web.Application,
    listener: socket.socket | None,
    on_ready: OnReady,
    delay: float,
    *,
    log_requests: bool,
    beside: Sequence[Site],
) -> None:
    sites: list[tuple[web.AppRunner, socket.socket | None]] = [(_runner(app, log_requests=log_requests), listener)]
    sites += [(_runner(other, log_requests=False), bound) for other, bound in beside]
    stop = Stop([runner for runner, _ in sites], delay=delay)
    asked = asyncio.ensure_future(stop.asked_for())
    start = asyncio.ensure_future(_start(sites, on_ready))
    try:
        await asyncio.wait({start, asked}, return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            start.result()
            await asked
    finally:
        start.cancel()
        asked.cancel()
        await asyncio.wait({start, asked})
        await stop.carry_out()


async def _start(sites: Sequence[tuple[web.AppRunner, socket.socket | None]], on_ready: OnReady) -> None:
    for runner, listener in sites:
        await runner.setup()
        if listener is not None:
            await _listen(runner, listener)
    url = url_of(sites[0][1]) if sites[0][1] is not None else ""
    if url:
        await _until_it_answers(url)
    _spare_the_collector()
    on_ready(url)


def _spare_the_collector() -> None:
    """Let the cyclic collector pass over what a start leaves for good: a look through all of it held every request up
    for 80 ms, several times in ten seconds of load (bench/README.md). Requests under way are no reason to look either.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *gc.get_threshold()[1:])


async def _listen(runner: web.AppRunner, listener: socket.socket) -> None:
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
                _log.info("not answering yet", cause=str(error))
                await asyncio.sleep(0.2)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    try:
        import uvloop  # noqa: PLC0415 - a faster loop where there is one
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory

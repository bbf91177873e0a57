"""Run an application until somebody asks it to stop: the one way in which `up` and `serve` do."""

import asyncio
import logging
import socket
import sys
from collections.abc import Callable

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from chitram.cli.listener import AddressError, explain, url_of
from chitram.cli.stopping import CUT_SECONDS, Stop
from chitram.handlers.access_log import AccessLog
from chitram.logs import get_logger

OnReady = Callable[[str], None]
_BACKLOG = 1024
_log = get_logger(__name__)


def run_service(
    app: web.Application, listener: socket.socket, *, on_ready: OnReady, delay: float = 0.0, log_requests: bool = False
) -> None:
    """Serve on a bound socket until SIGINT, SIGTERM or SIGHUP; `on_ready` gets the URL once it answers there.

    The first signal stops gracefully, a second one ends the process at once. After SIGTERM requests are taken for
    `delay` more seconds, while readiness says no. Raises AddressError when the socket cannot listen, and whatever the
    application raises when it cannot start.
    """
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(_serve(_runner(app, log_requests=log_requests), listener, on_ready, delay))


def _runner(app: web.Application, *, log_requests: bool) -> web.AppRunner:
    # Compressed bodies are not asked for, and unpacking a bomb would hold the event loop up before anybody can refuse.
    return web.AppRunner(
        app,
        access_log=logging.getLogger("chitram.access") if log_requests else None,
        access_log_class=AccessLog,
        shutdown_timeout=CUT_SECONDS,
        auto_decompress=False,
    )


async def _serve(runner: web.AppRunner, listener: socket.socket, on_ready: OnReady, delay: float) -> None:
    stop = Stop(runner, delay=delay)
    asked = asyncio.ensure_future(stop.asked_for())
    start = asyncio.ensure_future(_start(runner, listener, on_ready))
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


async def _start(runner: web.AppRunner, listener: socket.socket, on_ready: OnReady) -> None:
    await runner.setup()
    try:
        await web.SockSite(runner, listener, backlog=_BACKLOG).start()
    except OSError as error:
        raise AddressError(explain(error, *listener.getsockname()[:2])) from error
    url = url_of(listener)
    await _until_it_answers(url)
    on_ready(url)


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

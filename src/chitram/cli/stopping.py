"""The end of a service: what a signal sets off, in which order, and by when it is over whatever happens.

1. At once: not ready any more, and every answer ends its connection. Requests are still taken for `delay` seconds, in
   which a proxy finds out.
2. No new connections. Requests under way finish; those that have not by then are cut off.
3. Jobs, nodes, threads and the database are let go. What takes longer than that ends with the process.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Sequence

from aiohttp import web

from chitram.keys import HEALTH, METRICS
from chitram.logs import get_logger

DRAIN_SECONDS = 3.0
"""What requests under way have to finish in once no new ones are taken."""
CUT_SECONDS = 0.3
"""And how long those that did not are given to be cut off: twice, first to end and then to be cancelled."""
STOP_SECONDS = 2.5
"""What cutting off and letting go may take."""
END_SECONDS = 9.5
"""After the signal the process ends, however it looks, unless a delay of more than three seconds was asked for."""
_log = get_logger(__name__)


class Stop:
    """Waits for SIGINT, SIGTERM or SIGHUP and then ends a service. A second signal ends the process at once.

    The first of *runners* is drained; the others (probes on a port of their own) answer to the end. *delay* is for
    SIGTERM, by which whoever runs services stops them: nobody in front of a terminal waits for a proxy.
    """

    def __init__(self, runners: Sequence[web.AppRunner], *, delay: float) -> None:
        self._runner = runners[0]
        self._runners = runners
        self._delay = delay
        self._deadline = max(END_SECONDS, delay + DRAIN_SECONDS + STOP_SECONDS + 1.0)
        self._asked = asyncio.Event()
        self._received = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._receive, number)

    async def asked_for(self) -> None:
        """Return when a signal has come."""
        await self._asked.wait()

    async def carry_out(self) -> None:
        """End the service."""
        self._runner.app[HEALTH].draining = True
        if self._received == signal.SIGTERM and self._runner.sites:
            await asyncio.sleep(self._delay)
        for site in list(self._runner.sites):
            await site.stop()
        await self._finish_requests()
        # Not `wait_for`, which would wait for what hangs to notice that it was cancelled.
        cleaning = asyncio.ensure_future(self._clean_up())
        _, late = await asyncio.wait({cleaning}, timeout=STOP_SECONDS)
        if late:
            cleaning.cancel()
            _log.warning("not everything stopped in time; ending anyway", seconds=STOP_SECONDS)
        else:
            cleaning.result()

    async def _clean_up(self) -> None:
        for runner in self._runners:
            await runner.cleanup()

    async def _finish_requests(self) -> None:
        """Let the requests that are under way finish: aiohttp's own shutdown would throw away what is still to come of
        their bodies.
        """
        in_time = asyncio.get_running_loop().time() + DRAIN_SECONDS
        metrics = self._runner.app[METRICS]
        # A counter on the path of every request is cheaper than an event that only the last seconds of a process need.
        while metrics.in_flight and asyncio.get_running_loop().time() < in_time:  # noqa: ASYNC110  see above
            await asyncio.sleep(0.02)
        if metrics.in_flight:
            _log.warning("requests did not end in time and are cut off", requests=metrics.in_flight)

    def _receive(self, number: int) -> None:
        if self._asked.is_set():
            os._exit(128 + number)  # on Linux the nodes go with the process, elsewhere the next start ends them
        _log.info("stopping; once more to end at once", signal=signal.Signals(number).name)
        self._received = number
        self._runner.app[HEALTH].draining = True
        # A thread: neither a stuck event loop, nor one that waits for stuck threads, can end itself.
        end = threading.Timer(self._deadline, os._exit, (1,))
        end.daemon = True
        end.start()
        self._asked.set()

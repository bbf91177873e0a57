"""An event loop on which an hour takes as long as its callbacks: time jumps to whatever is due next."""

import asyncio
from asyncio import Future, Task
from collections import deque
from heapq import heapify, heappop, heappush

_RESOLUTION = 1e-9
_CALLBACK = 0
_FEW = 100


class _Due(list):  # type: ignore[type-arg]  # a callback, its arguments, its context: lists are what C makes quickest
    """What `call_soon` gives back."""

    __slots__ = ()

    def cancel(self):
        self[_CALLBACK] = None

    def cancelled(self):
        return self[_CALLBACK] is None


class _Timer(_Due):
    """What `call_at` gives back; at its end the count, of those who wait, that it raises if it is cancelled."""

    __slots__ = ()

    def __lt__(self, other):
        return False  # due at the same moment: the heap's order holds, as in asyncio

    def cancel(self):
        if self[_CALLBACK] is not None:
            self[_CALLBACK] = None
            self[-1][0] += 1


class VirtualLoop(asyncio.BaseEventLoop):
    """Deterministic: no sockets, no threads, no real clock. Does what a model needs of asyncio's own loop.

    It does so in the very same order, ties included, and lets no callback's exception pass unseen.
    """

    def __init__(self):
        super().__init__()
        self.now = 0.0
        self._soon: deque[_Due] = deque()
        self._timers = []
        self._cancelled, self._gone = [0], [0]
        self._done = False

    def time(self):
        return self.now

    def call_soon(self, callback, *args, context=None):  # type: ignore[override]  # no Handle
        due = _Due((callback, args, context, None))
        self._soon.append(due)
        return due

    def call_at(self, when, callback, *args, context=None):  # type: ignore[override]  # no Handle
        timer = _Timer((callback, args, context, self._cancelled))
        heappush(self._timers, (when, timer))
        return timer

    def call_later(self, delay, callback, *args, context=None):  # type: ignore[override]  # no Handle
        timer = _Timer((callback, args, context, self._cancelled))
        heappush(self._timers, (self.now + delay, timer))
        return timer

    def create_future(self):
        return Future(loop=self)

    def create_task(self, coro, *, name=None, context=None):
        return Task(coro, loop=self, name=name, context=context)

    async def sleep(self, seconds):
        """Let time pass: asyncio.sleep for those who know their loop and come often."""
        future: Future[None] = Future(loop=self)
        timer = self.call_later(seconds, _wake, future)
        try:
            await future
        finally:
            timer.cancel()

    def run_until_complete(self, future):
        """Let time pass until this is done. Raises RuntimeError if it waits for what cannot come."""
        main = asyncio.ensure_future(future, loop=self)
        main.add_done_callback(self._end)
        asyncio._set_running_loop(self)
        try:
            self._turn()
        finally:
            asyncio._set_running_loop(None)
        return main.result()

    def _end(self, _):
        self._done = True

    def _turn(self):
        soon, timers, cancelled = self._soon, self._timers, self._cancelled
        self._done = False
        while not self._done:
            if len(timers) > _FEW and cancelled[0] * 2 > len(timers):  # as asyncio does, on which the ties depend
                timers[:] = [entry for entry in timers if entry[1][0] is not None]
                heapify(timers)
                cancelled[0] = 0
            while timers and timers[0][1][0] is None:
                heappop(timers)
                cancelled[0] -= 1
            if not soon:
                if not timers:
                    raise RuntimeError("deadlock: nothing is due and nothing can come")
                self.now += max(0.0, timers[0][0] - self.now)
            moment = self.now + _RESOLUTION
            while timers and timers[0][0] < moment:
                _, timer = heappop(timers)
                timer[-1] = self._gone
                soon.append(timer)
            for _ in range(len(soon)):
                callback, arguments, context, _ = soon.popleft()
                if callback is None:
                    continue
                if context is None:
                    callback(*arguments)
                else:
                    context.run(callback, *arguments)


def _wake(future):
    if not future.done():
        future.set_result(None)

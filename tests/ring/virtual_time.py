"""An event loop on which an hour takes as long as its callbacks: time jumps to whatever is due next."""

import asyncio
import selectors


class _NoSockets(selectors.DefaultSelector):
    """Waits for nothing, but moves the clock by as much as it was asked to wait."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("deadlock: nothing is due and nothing can come")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Deterministic: no sockets, no threads, no real clock."""

    def __init__(self):
        self.clock = _NoSockets()
        super().__init__(self.clock)

    def time(self):
        return self.clock.now

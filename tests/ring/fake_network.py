"""Connections from processes to fake nodes over links that delay, cut and deliver late. TCP's order holds on each."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from ring.errors import NodeGoneError, NodeTimeoutError, NodeUnreachableError
from tests.ring.fake_node import FakeNode


@dataclass
class Server:
    """A node's process: it may be down or frozen, and each start is another generation."""

    node: FakeNode
    up: bool = True
    frozen: bool = False
    lag: float = 0.0
    connections: list["FakeConnection"] = field(default_factory=list)

    def crash(self, steps):
        """End the process; when it comes back its memory is `steps` changes old."""
        self.up = False
        self.node.roll_back(steps)
        for connection in list(self.connections):
            connection.break_off()

    def thaw(self):
        """Go on with what arrived meanwhile."""
        self.frozen = False
        for connection in list(self.connections):
            connection.deliver()


class FakeConnection:
    """One TCP connection. A command that was sent may be executed long after its sender gave up: a zombie."""

    def __init__(self, network, process, server, on_lost):
        self.network, self.process, self.server = network, process, server
        self.closed = False
        self._on_lost = on_lost
        self._sent: deque[Any] = deque()
        self._replies: deque[Any] = deque()
        self._last = 0.0
        server.connections.append(self)

    @property
    def stuck(self):
        return self.server.frozen or (self.process, id(self.server)) in self.network.cuts

    def execute(self, *command):
        if self.closed:
            raise NodeGoneError
        loop = self.network.loop
        future = loop.create_future()
        self._sent.append((command, future))
        self._last = max(self._last, loop.now + self.server.lag + self.network.delay())
        loop.call_at(self._last, self.deliver)
        expiry = loop.call_later(self.network.op_timeout, _expire, future)
        future.add_done_callback(lambda _: expiry.cancel())
        return future

    def get(self, key):
        return self.execute(b"GET", key)

    def deliver(self):
        """Execute the first command that is under way, unless something holds it up; then all of them come later."""
        while self._sent and not self.stuck and self.server.up:
            command, future = self._sent.popleft()
            reply = self.server.node.execute(*command)
            if self.server.node.torn:
                self.network.loop.call_later(self.network.rng.random() * 0.3, self.server.node.tear)
            # TCP executes nothing twice; what is safe to repeat is repeated all the same. Taking a lease is not.
            if command[0] != b"SET" and self.network.rng.random() < self.network.duplicates:
                self.network.later(lambda command=command: self.server.up and self.server.node.execute(*command))
            if not self.closed:
                self._replies.append((future, reply))
                self.network.loop.call_later(self.network.delay(), self._answer)
            if self._last > self.network.loop.now:
                return

    def _answer(self):
        if self.closed or not self._replies:
            return
        if self.stuck:
            self.network.loop.call_later(0.01, self._answer)
            return
        future, reply = self._replies.popleft()
        if not future.done():
            future.set_result(reply)

    def break_off(self):
        """The node's side is gone: nothing that was under way is executed."""
        self._sent.clear()
        self._end("connection reset")

    def _end(self, cause):
        if self.closed:
            return
        self.closed = True
        for future in [*(future for _, future in self._sent), *(future for future, _ in self._replies)]:
            if not future.done():
                future.set_exception(NodeGoneError(cause))
                future.exception()
        if not self._sent:
            self.server.connections.remove(self)
        self._on_lost(cause)

    async def close(self):
        """The client's side is gone: what it sent may be executed all the same."""
        if self.network.rng.random() < 0.3:
            self._sent.clear()
        self._end("closed")


def _expire(future):
    if not future.done():
        future.set_exception(NodeTimeoutError())
        future.exception()


class FakeNetwork:
    """All links between processes and servers."""

    def __init__(self, loop, rng, servers):
        self.loop, self.rng, self.servers = loop, rng, servers
        self.op_timeout = 0.1
        self.duplicates = 0.01
        self.slowest = 0.004
        self.cuts = set()

    def delay(self):
        """Mostly short, now and then long: long enough to overtake what goes over other links."""
        return self.rng.random() * (self.slowest if self.rng.random() < 0.95 else 20 * self.slowest)

    def later(self, action):
        """Do something at an arbitrary later time."""
        self.loop.call_later(self.rng.random() * 4, action)

    def is_cut(self, process, server):
        return (process, id(server)) in self.cuts

    def cut(self, process, server):
        """Let nothing through, in both directions; nobody is told."""
        self.cuts.add((process, id(server)))

    def heal(self, process, server):
        """Let everything through, what was held up included."""
        self.cuts.discard((process, id(server)))
        for connection in list(server.connections):
            connection.deliver()

    def connector(self, process):
        """The `connect` of one process."""

        async def connect(endpoint, on_lost):
            server = self.servers[endpoint.host]
            await self._pass(self.delay())
            if not server.up or self.is_cut(process, server):
                await self._pass(0.05)
                raise NodeUnreachableError("refused")
            return FakeConnection(self, process, server, on_lost)

        return connect

    async def _pass(self, seconds):
        future = self.loop.create_future()
        self.loop.call_later(seconds, lambda: future.done() or future.set_result(None))
        await future

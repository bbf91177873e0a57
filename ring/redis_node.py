"""One node as this process knows it: its connection, whether it is trusted, whether it is healthy, how fast it is."""

import asyncio
from contextlib import suppress

from ring.errors import NodeError, NodeGoneError, NodeTimeoutError, NodeUnreachableError
from ring.events import Guarded, Transition, TrustChanged
from ring.fencing import Timing, Trust
from ring.health import Breaker, Health, Latencies, Signal
from ring.node import Node
from ring.session import Connect, Session


class RedisNode:
    """Ties session, trust and breaker of one node together, so that no order of events leaves a wrong one readable.

    Readers need `trust.until` and `session` alone: whatever makes the node unreadable moves `until` to the past.
    """

    def __init__(self, node: Node, connect: Connect, prefix: str, timing: Timing, observer: Guarded) -> None:
        self.node = node
        self.name = node.name
        self.session: Session | None = None
        self.trust = Trust(timing)
        self.breaker = Breaker()
        self.latencies = Latencies()
        self.cursor: int | None = None
        self.head: int | None = None
        self.linked = asyncio.Event()
        """Set while there is a session."""
        self.wake = asyncio.Event()
        """Ends the follower's pause."""
        self.uneasy = False
        """The last call timed out; the next reply must tell the breaker."""
        self.trusted = False
        self._connect = connect
        self._prefix = prefix
        self._observer = observer
        self._closed = False

    @property
    def lag(self) -> int | None:
        """Log entries that the node had not applied when last asked; None if it never answered."""
        return None if self.cursor is None or self.head is None else max(0, self.head - self.cursor)

    async def connected(self) -> Session:
        """Return the present session, or connect and return a new, untrusted one. Raises NodeError."""
        if self.session is None:
            session: Session | None = None

            def lost(cause: str) -> None:
                self._lost(session, cause)

            connection = await self._connect(self.node.endpoint, lost)
            session = Session(connection, self._prefix)
            if self._closed or connection.closed:
                await session.close()
                raise NodeGoneError
            self.trust.forget()
            self.session = session
            self.linked.set()
        return self.session

    def verified(self, session: Session, asked: float, epoch: bytes) -> None:
        """Take note of a good pass on this session; readable from now on if the breaker allows and it is still ours."""
        self.feed(Signal.PASSED)
        if session is not self.session or self.breaker.state is not Health.UP:
            return
        self.trust.verify(asked, epoch)
        if not self.trusted:
            self.trusted = True
            self._observer.event(TrustChanged(self.name, trusted=True, cause="verified"))

    def distrust(self, cause: str) -> None:
        """Do not read the node until it is verified again."""
        self.trust.revoke()
        if self.trusted:
            self.trusted = False
            self._observer.event(TrustChanged(self.name, trusted=False, cause=cause))

    def feed(self, signal: Signal, cause: str = "") -> None:
        """Tell the breaker; a node whose breaker is not closed is not read."""
        self.uneasy = signal is Signal.TIMEOUT
        change = self.breaker.feed(signal, cause)
        if change is None:
            return
        if change.new is not Health.UP:
            self.distrust(change.cause)
            self.latencies.clear()
        self._observer.event(Transition(self.name, change.old, change.new, change.cause))
        if change.new is Health.DOWN:
            self.wake.set()

    def failed(self, error: NodeError) -> str:
        """Take note of a reader's or writer's failure; return the result to count it under."""
        if isinstance(error, NodeTimeoutError):
            self.feed(Signal.TIMEOUT)
            return "timeout"
        return "error"

    async def give_up(self, error: NodeError) -> None:
        """Take note of a follower's failure: untrusted at once, and on to a new connection."""
        signal = Signal.FAILED
        if isinstance(error, NodeUnreachableError):
            signal = Signal.UNREACHABLE
        elif isinstance(error, (NodeTimeoutError, NodeGoneError)):
            signal = Signal.TIMEOUT
        self.distrust(error.cause)
        await self.drop()
        self.feed(signal, _describe(error))

    async def drop(self) -> None:
        """Close the connection."""
        session, self.session = self.session, None
        self.linked.clear()
        self.trust.forget()
        if session is not None:
            with suppress(NodeError):
                await session.close()

    async def close(self) -> None:
        """Leave the node for good."""
        self._closed = True
        self.distrust("left the node set")
        await self.drop()

    def _lost(self, session: Session | None, cause: str) -> None:
        if session is None or session is not self.session:
            return
        self.session = None
        self.linked.clear()
        self.trust.forget()
        self.distrust(cause)
        self.wake.set()


def _describe(error: NodeError) -> str:
    text = str(error)
    return text if error.cause in text else f"{error.cause}: {text}"

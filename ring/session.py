"""The protocol's commands over one connection to one node, and nothing about when to use them."""

from asyncio import Future
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

from ring.codec import IDENTITY_BYTES
from ring.errors import NodeReplyError
from ring.fencing import Record
from ring.hashring import encode
from ring.node import Endpoint
from ring.scripts import APPLY, INIT, SWAP, Script


class Connection(Protocol):
    """A connection as a session needs it; replies come in the order of the commands."""

    @property
    def closed(self) -> bool:
        """True once the connection is lost."""
        ...

    def execute(self, *command: bytes | str | int) -> Future[Any]:
        """Send a command; see RedisConnection."""
        ...

    def get(self, key: bytes) -> Future[Any]:
        """Send `GET key`."""
        ...

    async def close(self) -> None:
        """Drop the connection."""
        ...


Connect = Callable[[Endpoint, Callable[[str], None]], Awaitable[Connection]]
"""Makes a connection, or raises NodeError; the callable is told, once, why it was lost."""


class Session:
    """What can be asked of a node, on this one connection. Every method raises NodeError.

    Keys of entries are `<prefix>:k:<key>`; the ring record is `<prefix>:ring`.
    """

    def __init__(self, connection: Connection, prefix: str) -> None:
        self.connection = connection
        self._execute = connection.execute
        self._get = connection.get
        self._entry = encode(prefix) + b":k:"
        self._record = encode(prefix) + b":ring"

    def get(self, key: bytes) -> "Future[bytes | None]":
        """Read an entry; the one call of a hit."""
        return self._get(self._entry + key)

    def get_many(self, keys: Sequence[bytes]) -> "Future[list[bytes | None]]":
        """Read entries in one request."""
        return self._execute(b"MGET", *[self._entry + key for key in keys])

    async def lease(self, key: bytes, lease: bytes, milliseconds: int) -> bytes | None:
        """Put a lease if nothing is there: None, and we hold it; else what is there."""
        found = await self._execute(b"SET", self._entry + key, lease, b"NX", b"GET", b"PX", milliseconds)
        return None if found is None else bytes(found)

    async def swap(self, key: bytes, seen: bytes, entry: bytes, milliseconds: int) -> bool:
        """Replace the entry if it still begins with the 25 bytes seen: a fill of a lease, a refresh, a takeover."""
        found = await self._run(SWAP, [self._entry + key], seen[:IDENTITY_BYTES], entry, milliseconds)
        return bool(found == 1)

    async def apply(self, first: int, keys: Sequence[str], log: str) -> int | None:
        """Forget keys whose log entries are `first` and the following ids; the cursor, or None without a record."""
        names = [self._record, *[self._entry + encode(key) for key in keys]]
        cursor = await self._run(APPLY, names, first, first + len(keys) - 1, log)
        return None if cursor is None else int(cursor)

    async def record(self) -> Record | None:
        """Read the ring record."""
        return _record(await self._execute(b"HMGET", self._record, b"epoch", b"cursor", b"log"))

    async def initialise(self, seen: Record | None, epoch: bytes, cursor: int, log: str) -> Record:
        """Begin a new epoch unless the record is no longer the one seen; the record that holds."""
        old: tuple[bytes, int] = (seen.epoch, seen.cursor) if seen else (b"", -1)
        record = _record(await self._run(INIT, [self._record], *old, epoch, cursor, log))
        if record is None:
            raise NodeReplyError("RECORD the node did not keep its ring record")
        return record

    async def close(self) -> None:
        """Drop the connection."""
        await self.connection.close()

    async def _run(self, script: Script, keys: Sequence[bytes], *arguments: bytes | str | int) -> Any:
        try:
            return await self._execute(b"EVALSHA", script.sha, len(keys), *keys, *arguments)
        except NodeReplyError as error:
            if error.cause != "NOSCRIPT":
                raise
        return await self._execute(b"EVAL", script.source, len(keys), *keys, *arguments)


def _record(fields: Sequence[bytes | None]) -> Record | None:
    epoch, cursor, log = fields
    if epoch is None or cursor is None:
        return None
    try:
        return Record(bytes(epoch), int(cursor), (log or b"").decode())
    except ValueError:
        raise NodeReplyError("RECORD the ring record is unreadable; delete the key <prefix>:ring") from None

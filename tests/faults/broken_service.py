"""`chitram` with one part of the protocol taken out, to show that the checker notices. First argument: which part."""

import sys
from contextlib import AbstractContextManager
from unittest import mock

from chitram.cli import main
from ring import RingCache
from ring.fencing import Record, Step, next_step
from ring.ports import Commit, Head
from ring.session import Session


async def _acknowledge_at_once(_cache: RingCache, _commit: Commit) -> None:
    """Tell no node about the write and wait for nothing."""


def _believe_any_record(head: Head, record: Record | None) -> tuple[Step, str]:
    """A node that has come back is believed, whatever it has missed or forgotten: what other rings do."""
    return (Step.DONE, "") if record is not None else next_step(head, record)


async def _take_any_lease(session: Session, key: bytes, lease: bytes, milliseconds: int) -> None:
    """Whoever misses loads, whoever else is loading already."""
    await session._execute(b"SET", session._entry + key, lease, b"PX", milliseconds)


_WITHOUT: dict[str, AbstractContextManager[object]] = {
    "acknowledgement": mock.patch.object(RingCache, "acknowledge", _acknowledge_at_once),
    "lease": mock.patch.object(Session, "lease", _take_any_lease),
    "replay": mock.patch("ring.follower.next_step", _believe_any_record),
}

if __name__ == "__main__":
    with _WITHOUT[sys.argv.pop(1)]:
        main()

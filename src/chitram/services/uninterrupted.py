"""What must not be broken off in the middle when a process is asked to stop."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Let a short piece of *work* come to its end, also when its caller is cancelled meanwhile; only then is he.

    A transaction that is broken off keeps its locks until the driver has let go of its connection: long enough to hold
    up the last thing that a process has to write.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains that it was not
        raise

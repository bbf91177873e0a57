"""Work in the threads of a pool, on behalf of whoever asked for it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def in_thread(threads: Executor, work: Callable[..., T], *arguments: object) -> T:
    """Run *work* in one of *threads* with the caller's context variables, so that its log lines name the request."""
    call = partial(copy_context().run, work, *arguments)
    return await asyncio.get_running_loop().run_in_executor(threads, call)

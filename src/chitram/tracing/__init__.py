"""Traces. Where none are wanted, this file is all there is of them: nothing is wrapped, and no library is imported."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Middleware
from sqlalchemy.ext.asyncio import AsyncEngine

from chitram.services.storage_ports import BlobStorage
from ring import Observer
from ring.session import Connect

CleanupContext = Callable[[web.Application], AsyncIterator[None]]


class Tracing(Protocol):
    """What the composition root passes its parts through."""

    middlewares: Sequence[Middleware]
    """To stand before all others."""
    contexts: Sequence[CleanupContext]
    """To be left after all others."""
    connect: Connect | None
    """How the ring reaches its nodes; ``None`` leaves it to the ring."""

    def statements(self, engine: AsyncEngine) -> None:
        """Watch the statements of *engine*."""
        ...

    def observer(self, observer: Observer) -> Observer:
        """The ring's observer, in front of *observer*."""
        ...

    def storage(self, storage: BlobStorage) -> BlobStorage:
        """The storage port, in front of *storage*."""
        ...

    def job(self, kind: str) -> AbstractContextManager[object]:
        """Surrounds one background job, in the context of whoever caused it."""
        ...


class Untraced:
    """Leaves everything as it is."""

    middlewares: Sequence[Middleware] = ()
    contexts: Sequence[CleanupContext] = ()
    connect: Connect | None = None

    def statements(self, engine: AsyncEngine) -> None:
        """Watch nothing."""

    def observer(self, observer: Observer) -> Observer:
        """The same observer."""
        return observer

    def storage(self, storage: BlobStorage) -> BlobStorage:
        """The same storage."""
        return storage

    def job(self, kind: str) -> AbstractContextManager[object]:  # noqa: ARG002  every job is left alone
        """Nothing around it."""
        return nullcontext()

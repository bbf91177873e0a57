"""An answer that is one piece of bytes, for the path of a hit.

aiohttp collects headers in a map and encodes them one by one, which costs more than the cache's read. Here the handler
gives its lines ready, everything that is the same for all answers is encoded once, and one write sends the whole.
Only for complete bodies of status 200 that are small enough for one write.
"""

import time
from collections.abc import Mapping
from email.utils import formatdate

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http import SERVER_SOFTWARE
from aiohttp.web_request import BaseRequest
from multidict import CIMultiDict

from chitram.handlers.middlewares import REQUEST_ID_HEADER, SECURITY_HEADERS
from chitram.keys import REQUEST_ID


def header_lines(fields: Mapping[str, str]) -> str:
    """Header fields as they go out. Values must be free of line breaks: nothing is checked here."""
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items())


_SAME_FOR_ALL = header_lines({**dict(SECURITY_HEADERS), "Server": SERVER_SOFTWARE}) + f"{REQUEST_ID_HEADER}: "
_CLOSE, _KEEP_ALIVE = "Connection: close\r\n", "Connection: keep-alive\r\n"


class Encoded(web.StreamResponse):
    """Status 200 with *lines* (`Name: value\\r\\n`, as :func:`header_lines` makes them) in front of *body*.

    The common headers, length, date and connection are added when it is sent; `headers` is for looking only.
    """

    def __init__(self, lines: str, body: bytes) -> None:
        # Not super().__init__(): it prepares a map of headers and a state, which are what this class does without.
        self._lines = lines
        self._content = body
        self._ends = False
        self._sent = 0
        self._to: web.BaseRequest | None = None

    @property
    def prepared(self) -> bool:
        """Always: there is nothing to add to it."""
        return True

    @property
    def status(self) -> int:
        """200."""
        return 200

    @property
    def headers(self) -> CIMultiDict[str]:
        """The handler's own fields, for logs and tests."""
        return CIMultiDict(line.partition(": ")[::2] for line in self._lines.splitlines())

    @property
    def keep_alive(self) -> bool:
        """Whether the connection stays open, by the client's wish and ours."""
        return not self._ends

    @property
    def body_length(self) -> int:
        """Bytes that went out, the head included: so aiohttp counts, whatever the name says."""
        return self._sent

    def force_close(self) -> None:
        """End the connection after this answer."""
        self._ends = True

    async def prepare(self, request: BaseRequest) -> AbstractStreamWriter | None:
        """Note for whom it is; called by aiohttp."""
        self._to = request
        if not request.keep_alive:
            self._ends = True
        return None

    async def write_eof(self, data: bytes = b"") -> None:  # noqa: ARG002  aiohttp's signature; the body is complete
        """Send everything in one write; called by aiohttp."""
        request = self._to
        if request is None:
            return
        self._to = None
        content = self._content
        connection = _CLOSE if self._ends else "" if request.version >= HttpVersion11 else _KEEP_ALIVE
        whole = (
            f"HTTP/1.1 200 OK\r\n{self._lines}{_SAME_FOR_ALL}{request[REQUEST_ID]}\r\n"
            f"Content-Length: {len(content)}\r\nDate: {_dates[int(time.time())]}\r\n{connection}\r\n"
        ).encode()
        if request.method != hdrs.METH_HEAD:
            whole += content
        self._sent = len(whole)
        await request.writer.write_eof(whole)


class _Dates(dict[int, str]):
    """Dates by the second. One is kept, so that it is made once a second and not for each answer."""

    def __missing__(self, second: int) -> str:
        self.clear()
        self[second] = date = formatdate(second, usegmt=True)
        return date


_dates = _Dates()

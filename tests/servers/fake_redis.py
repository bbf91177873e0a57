"""Something that answers like a Redis server of any version: for what no real server here can be."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import hiredis

_REPLIES = {
    b"PING": b"+PONG\r\n",
    b"HMGET": b"*2\r\n$-1\r\n$-1\r\n",
    b"TIME": b"*2\r\n$1\r\n0\r\n$1\r\n0\r\n",
    b"DBSIZE": b":0\r\n",
    b"EVAL": b":1\r\n",
}


@contextmanager
def fake_redis(info: Mapping[str, str]) -> Iterator[str]:
    """Its address. INFO says what *info* does; what it has no reply for is an error."""
    text = "".join(f"{name}:{value}\r\n" for name, value in info.items()).encode()
    replies = {**_REPLIES, b"INFO": b"$%d\r\n%s\r\n" % (len(text), text)}

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            reader = hiredis.Reader(notEnoughData=None)
            while data := self.request.recv(65536):
                reader.feed(data)
                while (command := _next(reader)) is not None:
                    self.request.sendall(replies.get(bytes(command[0]).upper(), b"-ERR unknown command\r\n"))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def _next(reader: "hiredis.Reader") -> Any:
    return reader.gets()

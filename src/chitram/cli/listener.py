"""The address to listen on, taken before anything is started for it."""

import errno
import os
import socket

from chitram.embedded.errors import StackError


class AddressError(StackError):
    """The service cannot listen where it was told to."""


def bind(host: str, port: int, *, reuse_port: bool = False, option: str = "--port") -> socket.socket:
    """A bound socket that does not listen yet: whoever connects meanwhile is refused, not kept waiting.

    Port 0 takes a free one. `reuse_port` lets several processes share a port, and the kernel spread
    the connections over them. Raises AddressError with a sentence that names the `option` to change.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise AddressError(f"{host} is no address of this machine: choose another --host") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise AddressError(explain(error, host, port, option)) from error
    return listener


def explain(error: OSError, host: str, port: int, option: str = "--port") -> str:
    """What is wrong with an address, and what to do about it."""
    if error.errno == errno.EADDRINUSE:
        free = ", or --port 0 for a free one" if option == "--port" else ""
        return f"port {port} on {host} is taken by another program: choose another {option}{free}"
    if error.errno == errno.EACCES:
        return f"port {port} needs more rights than this user has: choose a {option} above 1023"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{host} is no address of this machine: choose another --host"
    return f"cannot listen on {host}, port {port}: {os.strerror(error.errno or 0)}"


def url_of(listener: socket.socket) -> str:
    """The URL under which this machine reaches the socket."""
    host, port = listener.getsockname()[:2]
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"

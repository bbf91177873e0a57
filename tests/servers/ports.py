"""Ports for servers that have to have one."""

import random
import socket

# Below the range from which the kernel gives ports to outgoing connections, so that a server that a test
# stops finds its port still free when it starts again.
_LOWEST, _HIGHEST = 20_000, 32_000


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now."""
    while True:
        port = random.randint(_LOWEST, _HIGHEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

"""Fixtures that every test may ask for: real servers, each started at its first use."""

import signal

# A shell has its background jobs ignore Ctrl-C, and whoever they start inherits that: no command could be interrupted.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = [
    "tests.log_lines",
    "tests.otlp",
    "tests.servers.browser",
    "tests.servers.certificates",
    "tests.servers.command",
    "tests.servers.curl",
    "tests.servers.postgres",
    "tests.servers.prometheus",
    "tests.servers.proxy",
    "tests.servers.redis_nodes",
    "tests.servers.relay",
    "tests.servers.service",
    "tests.servers.swift",
]

"""Fixtures that every test may ask for: real servers, each started at its first use."""

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

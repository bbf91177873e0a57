"""This machine: what the operating system allows a process."""

import resource
from collections.abc import Callable

from chitram.cli.doctor.finding import Finding, ok, warning

ENOUGH_FILES = 1024


def _allowed() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def check_machine(allowed_files: Callable[[], int] = _allowed) -> list[Finding]:
    """Every connection and every file under way is an open file."""
    limit = allowed_files()
    if limit == resource.RLIM_INFINITY or limit >= ENOUGH_FILES:
        shown = "unlimited" if limit == resource.RLIM_INFINITY else str(limit)
        return [ok("open files", f"{shown} allowed")]
    says = f"a process may open {limit}: visitors beyond that are turned away"
    return [warning("open files", says, "ulimit -n 65536, or LimitNOFILE=65536 in the systemd unit")]

"""How many files and connections this process may have open."""

import sys
from contextlib import suppress


def raise_file_limit() -> None:
    """Take as many as the system allows. Shells give 1024 to begin with, for programs that use select().

    Two hundred browsers with six connections each would be more, and who comes after them would not be let in.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - only where there are such limits

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS says "unlimited" and means less
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

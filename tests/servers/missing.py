"""What a machine lacks is skipped where everyone can see it, and is a failure in CI."""

import os
from typing import NoReturn

import pytest


def missing(what: str, remedy: str) -> NoReturn:
    """Skip the test that needs `what`; with CI set in the environment fail it instead."""
    reason = f"this machine has no {what}: {remedy}"
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        pytest.skip(reason)
    pytest.fail(reason, pytrace=False)

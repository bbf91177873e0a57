"""What must not stand in a log line is struck out of it: the last guard, for what the code never meant to log."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote

STRUCK = "***"
SHORTEST = 4
"""Configured secrets shorter than this would strike out half of every line."""

_PATTERNS = (
    r"(?P<login>\b[a-z][a-z0-9+.-]*://[^\s/:@\"']*:)[^\s\"']*(?=@)",
    (
        r"(?P<named>(?:token|password|passwd|secret|api[_-]?key|authorization|cookie)"
        r"(?:\\?[\"'])?\s*[:=]\s*(?:b?\\?[\"'])?)(?:(?:bearer|basic)\s+)?[^\s\"'\\&,;)\]}]+"
    ),
    r"(?P<bearer>\bbearer\s+)[\w.~+/=-]{16,}",
    r"\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?",
    r"ctm(?:_|%(?:25)*5f|(?:\\|%5c)+u005f)[\w-]{8,}",
)
"""Logins in addresses, values after a telling name, bearer tokens, JWTs and API keys wherever they stand."""
_HINTS = (
    "://",
    "token",
    "passw",
    "secret",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "cookie",
    "bearer",
    "eyj",
    "ctm",
)
"""Without one of these no pattern matches; most lines have none."""


class Redaction:
    """Strikes out the given secrets, however they are spelled, and what looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        known = {form for secret in secrets if len(secret) >= SHORTEST for form in _spellings(secret)}
        exact = (re.escape(form) for form in sorted(known, key=len, reverse=True))
        self._known = re.compile("|".join(exact)) if known else None
        self._suspect = re.compile("|".join(_PATTERNS), re.IGNORECASE)

    def __call__(self, line: str) -> str:
        """The line without them."""
        if self._known is not None:
            line = self._known.sub(STRUCK, line)
        lower = line.lower()
        if any(hint in lower for hint in _HINTS):
            line = self._suspect.sub(_keep_what_names_it, line)
        return line


def _keep_what_names_it(found: "re.Match[str]") -> str:
    return (found["login"] or found["named"] or found["bearer"] or "") + STRUCK


def _spellings(secret: str) -> set[str]:
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}

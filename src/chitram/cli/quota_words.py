"""Quotas as they are said on the command line, and as they are told."""

from typing import Any, Literal

import click

from chitram.cli.words import counted
from chitram.domain.quota import SMALLEST_QUOTA, Usage
from chitram.domain.sizes import byte_words, parse_size

LARGEST = 1024**5
DEFAULT_NOTE = "(default): by USER_QUOTA_MB as this command reads it; a running service goes by its own environment"


def parse_quota(text: str | None) -> int | Literal["", "none", "default"]:
    """What is wanted: a size in bytes, ``none``, ``default``, or nothing but to look."""
    if text is None:
        return ""
    word = text.strip().lower()
    if word == "none":
        return "none"
    if word == "default":
        return "default"
    size = parse_size(text)
    if size is None or not SMALLEST_QUOTA <= size <= LARGEST:
        raise click.UsageError(
            f"{text!r} is no quota: use a size of 1KB or more such as 500MB or 2GB, `none` for no limit, or `default` "
            "for that of USER_QUOTA_MB"
        )
    return size


def use_words(usage: Usage) -> tuple[str, str]:
    """Used and allowed, as cells of a table."""
    allowed = "none" if usage.quota is None else byte_words(usage.quota)
    return byte_words(usage.used), allowed if usage.own else f"{allowed} (default)"


def use_sentence(address: str, usage: Usage) -> str:
    """The same for one account."""
    used, allowed = use_words(usage)
    sentence = f"{address} uses {used} with {counted(usage.pictures, 'picture')}; quota: {allowed}"
    return sentence if usage.own else f"{sentence}\n{DEFAULT_NOTE}"


def use_fields(usage: Usage) -> dict[str, Any]:
    """The same for programs."""
    return {
        "pictures": usage.pictures,
        "used_bytes": usage.used,
        "quota_bytes": usage.quota,
        "quota_is_default": not usage.own,
        "quota_source": "account" if usage.own else "USER_QUOTA_MB of this command",
    }

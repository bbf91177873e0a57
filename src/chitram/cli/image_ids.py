"""Pictures as they are named on a command line: by id or short id, or all of them; and their keys in the cache."""

from collections.abc import Sequence

import click

from chitram.adapters.images_sql import cache_key
from chitram.domain.identifiers import ImageId, parse_image_id

_KIND = "image:"


def image_ids(spelled: Sequence[str], *, everything: bool) -> set[ImageId]:
    """The ids; empty for all. A usage error for what is no id, for none and for both."""
    if bool(spelled) == everything:
        raise click.UsageError("name pictures by their ids, or all of them by --all")
    return {image_id(text) for text in spelled}


def image_id(text: str) -> ImageId:
    """The id in *text*, in either spelling. A usage error for anything else."""
    parsed = parse_image_id(text)
    if parsed is None:
        raise click.UsageError(f"{text!r} is no picture's id: use the 36 or the 12 characters of one")
    return parsed


def behind(text: str | None) -> str:
    """What `--after` says: an id, or nothing to begin at the beginning. A usage error for what is no id."""
    return "" if text is None else image_id(text)


def cached_name(text: str) -> str:
    """The key of an id or short id; a key, which begins with its kind, is one already. A usage error for the rest."""
    if text.find(":") > 0 and not text.startswith(_KIND):
        return text
    parsed = parse_image_id(text.removeprefix(_KIND))
    if parsed is None:
        raise click.UsageError(
            f"{text!r} is neither a picture's id (36 or 12 characters) nor a key as it stands in the log: image:ID"
        )
    return cache_key(parsed)


def picture_of(key: str) -> ImageId | None:
    """Whose metadata are cached under *key*; ``None`` for keys of another kind."""
    return parse_image_id(key.removeprefix(_KIND)) if key.startswith(_KIND) else None

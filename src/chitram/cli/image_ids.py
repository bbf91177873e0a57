"""Pictures as they are named on a command line: by id or short id, or all of them."""

from collections.abc import Sequence

import click

from chitram.domain.identifiers import ImageId, parse_image_id


def image_ids(spelled: Sequence[str], *, everything: bool) -> set[ImageId]:
    """The ids; empty for all. A usage error for what is no id, for none and for both."""
    if bool(spelled) == everything:
        raise click.UsageError("name pictures by their ids, or all of them by --all")
    return {_parsed(text) for text in spelled}


def _parsed(text: str) -> ImageId:
    image_id = parse_image_id(text)
    if image_id is None:
        raise click.UsageError(f"{text!r} is no picture's id: use the 36 or the 12 characters of one")
    return image_id

"""What several processes find owing, one of them makes."""

import asyncio
from typing import Any

from chitram.domain.identifiers import ImageId, new_image_id
from chitram.services.thumbnails import Thumbnailer
from tests.log_lines import Lines
from tests.waiting import until


class Rows:
    """Images of which some are settled already."""

    def __init__(self, owed: set[ImageId]) -> None:
        self.owed = owed
        self.settled: list[ImageId] = []

    async def owes_thumbnails(self, image_id: ImageId) -> bool:
        return image_id in self.owed

    async def settle_thumbnails(self, image_id: ImageId, *, made: bool) -> bool:
        self.settled.append(image_id)
        return True


class Nothing:
    """A storage without any blob: whatever is taken up is settled as failed."""

    def open(self, key: str) -> Any:
        raise KeyError(key)


async def test_what_another_process_has_made_meanwhile_is_not_made_again():
    """What was uploaded here is not asked about; what anybody may do is."""
    mine, owed, made = new_image_id(), new_image_id(), new_image_id()
    rows, parts = Rows({owed}), {"storage": Nothing(), "pictures": None, "finished": lambda _made: None}
    thumbnailer = Thumbnailer(images=rows, **parts)  # type: ignore[arg-type]  # only what is asked for here
    for image_id in (owed, made):
        thumbnailer.owe(image_id, "key", anybodys=True)
    thumbnailer.owe(mine, "key")
    working = asyncio.create_task(thumbnailer.work())
    await until(lambda: thumbnailer.waiting == 0)
    working.cancel()
    assert rows.settled == [owed, mine]


async def test_an_original_that_is_gone_is_told_in_words(logged: Lines):
    """Somebody looks for the reason at night: a key of the storage would be none."""
    parts = {"storage": Nothing(), "pictures": None, "finished": lambda _made: None}
    thumbnailer = Thumbnailer(images=Rows(set()), **parts)  # type: ignore[arg-type]  # only what is asked for here
    assert not await thumbnailer.make(new_image_id(), "originals/51/51e6e972")
    [line] = logged.events("no thumbnails can be made of a picture")
    assert line["reason"] == "its original is not in the storage: deleted a moment ago, or lost"

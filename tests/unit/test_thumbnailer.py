"""What is said of a picture that gets no thumbnails."""

from typing import Any

from chitram.domain.identifiers import ImageId, new_image_id
from chitram.services.thumbnails import Thumbnailer


class Rows:
    """Images that are all there."""

    def __init__(self) -> None:
        self.reasons: list[str | None] = []

    async def settle_thumbnails(self, image_id: ImageId, *, reason: str | None = None, job: object = None) -> bool:
        self.reasons.append(reason)
        return True


class Nothing:
    """A storage without any blob."""

    def open(self, key: str) -> Any:
        raise KeyError(key)


async def test_an_original_that_is_missing_is_told_and_takes_no_thumbnails_away():
    """Its storage may only not be mounted: what is there stays, and somebody reads why, not a key."""
    rows = Rows()
    thumbnailer = Thumbnailer(images=rows, storage=Nothing(), pictures=None)  # type: ignore[arg-type]  # only what is asked for here
    told = await thumbnailer.make(new_image_id(), "originals/51/51e6e972")
    assert told == "its original is not in the storage: deleted a moment ago, or lost"
    assert rows.reasons == []

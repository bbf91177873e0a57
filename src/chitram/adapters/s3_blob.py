"""An object that is being read. No answer of the server outlives it, whoever stops reading where."""

from collections.abc import AsyncIterator

from aiohttp import ClientResponse

from chitram.adapters.s3_bucket import S3Bucket

CHUNK = 256 * 1024


class S3Blob:
    """An object on its way: the whole comes with the answer that told its size, a range is asked for."""

    def __init__(self, bucket: S3Bucket, key: str, whole: ClientResponse) -> None:
        self.size = _length(whole)
        self._bucket = bucket
        self._key = key
        self._whole: ClientResponse | None = whole
        self._answers = [whole]

    async def read(self, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from *start* up to *stop*, at most 256 KiB at a time, no faster than they are taken."""
        if start >= stop:
            return
        with self._bucket.reached():
            answer = await self._answer(start, stop)
            async for chunk in answer.content.iter_chunked(CHUNK):
                yield chunk

    def close(self) -> None:
        """Let go of every answer; the connection of one that was not read to its end is closed."""
        for answer in self._answers:
            answer.release()

    async def _answer(self, start: int, stop: int) -> ClientResponse:
        whole, self._whole = self._whole, None
        if whole is not None and (start, stop) == (0, self.size):
            return whole
        if whole is not None:
            whole.release()
        client, length = self._bucket.client, stop - start
        answer: ClientResponse = await client.get_object(self._bucket.name, self._key, offset=start, length=length)
        self._answers.append(answer)
        if _length(answer) != length:
            raise OSError("the server does not send the range that it was asked for")
        return answer


def _length(answer: ClientResponse) -> int:
    if answer.content_length is None:
        answer.release()
        raise OSError("the server does not say how long a blob is")
    return answer.content_length

"""What an S3 server's refusals mean: for the log a cause and the next step, for callers that the storage is away."""

import logging
import time
from xml.etree.ElementTree import ParseError

from aiohttp import ClientConnectorError, ClientError, ClientSSLError
from miniopy_async.error import InvalidResponseError, MinioException, S3Error, ServerError

log = logging.getLogger(__name__)

FAILURES = (MinioException, ClientError, TimeoutError, OSError, ParseError, UnicodeDecodeError)
"""All that miniopy-async raises when the server is away, refuses, or is no S3 server."""
AWAY = "The storage cannot be written or read right now. Nothing was lost; try again soon."
QUIET_SECONDS = 60.0

_KEYS = "check MINIO_ACCESS_KEY and MINIO_SECRET_KEY, and that they may list, read, write and delete in MINIO_BUCKET"
_ADVICE = {
    "AccessDenied": _KEYS,
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "AuthorizationHeaderMalformed": "check MINIO_REGION",
    "PermanentRedirect": "check MINIO_REGION and MINIO_ENDPOINT",
    "BucketAlreadyExists": "somebody else has a bucket of this name: choose another MINIO_BUCKET",
    "NoSuchBucket": "the bucket is gone: make it again, or restart to have it made; its pictures need a backup",
    "RequestTimeTooSkewed": "set this machine's clock",
}
_SENTENCES: tuple[tuple[type[Exception] | tuple[type[Exception], ...], str], ...] = (
    (ServerError, "{words}"),
    ((InvalidResponseError, ParseError, UnicodeDecodeError), "an answer that is not S3's: check MINIO_ENDPOINT"),
    (ClientSSLError, "no TLS connection ({words}): check MINIO_SECURE and the certificate"),
    (ClientConnectorError, "no connection ({words}): check MINIO_ENDPOINT, and that it runs"),
    (TimeoutError, "no answer in time"),
)


class Complaints:
    """Says in the log why the storage fails: each cause at once, then at most once a minute."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._said: dict[str, float] = {}

    def add(self, error: Exception) -> None:
        """Log *error*, unless it was a moment ago."""
        reason = explain(error)
        now = time.monotonic()
        self._said = {said: at for said, at in self._said.items() if now - at < QUIET_SECONDS}
        if reason not in self._said:
            self._said[reason] = now
            log.warning("the storage at %s: %s", self._place, reason)


def explain(error: Exception) -> str:
    """Cause and next step in one line, without anything of the request."""
    if isinstance(error, S3Error):
        code = error.code or "no code"
        return f"{code}: {_ADVICE.get(code, error.message or 'no message')}"
    words = " ".join(str(error).split())[:200]
    found = next((sentence for kinds, sentence in _SENTENCES if isinstance(error, kinds)), "{kind}: {words}")
    return found.format(kind=type(error).__name__, words=words)

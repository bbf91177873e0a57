"""A client of the REST API that waits when it is told to. What a program needs to bring pictures in."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, FormData

API = "/api/v1"
Fields = dict[str, Any]
_SAYS_NOTHING = "application/octet-stream"  # the server judges by content
_QUICK = ClientTimeout(total=5)
_AGAIN = frozenset({429, 502, 503, 504})
_LONGEST_PAUSE = 60.0


class ApiError(Exception):
    """The server refused: `code` is the stable one of its problem document, `str()` its sentence."""

    def __init__(self, status: int, code: str, detail: str, *, retry_after: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.retry_after = retry_after

    @property
    def passes(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in _AGAIN


class Unreachable(Exception):
    """Nobody answers at the address, or the connection broke before the answer came."""

    retry_after: str | None = None
    passes = True


@dataclass(frozen=True)
class Patience:
    """How often a request is made before it counts as failed, and how long the first pause is, in seconds.

    Pauses double up to a minute, with jitter; where the server says `Retry-After`, that holds instead.
    """

    attempts: int = 7
    first_pause: float = 0.5

    def pause(self, attempt: int, retry_after: str | None) -> float:
        """Seconds to wait after the `attempt`-th failure, counted from 0."""
        if retry_after is not None and retry_after.isdigit():
            return min(float(retry_after), _LONGEST_PAUSE)
        return min(self.first_pause * 2.0**attempt, _LONGEST_PAUSE) * random.uniform(0.5, 1)  # noqa: S311 - jitter


class Client:
    """Talks to one server in one `ClientSession`, signed in or not.

    Every method raises ApiError when the server refuses and Unreachable when it stays silent. A request
    whose answer was lost is made again: an anonymous upload may then be stored twice where the server
    does not honour `Idempotency-Key`.
    """

    def __init__(
        self, session: ClientSession, url: str, *, token: str | None = None, patience: Patience | None = None
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._base = self._url + API
        self._token = token
        self._patience = patience or Patience()

    async def log_in(self, email: str, password: str) -> None:
        """Sign in for all further requests."""
        answer = await self._ask("POST", "/auth/login", json={"email": email, "password": password})
        self._token = answer["access_token"]

    async def me(self) -> Fields:
        """The account that the token belongs to."""
        return await self._ask("GET", "/users/me")

    async def find(self, sha256: str) -> str | None:
        """The id of the account's picture with these bytes, if it has one."""
        page = await self._ask("GET", "/users/me/images", params={"sha256": sha256, "limit": "1"})
        return next((str(image["id"]) for image in page["items"]), None)

    async def alive(self) -> bool:
        """Whether the server answers right now; raises nothing and does not wait."""
        try:
            async with self._session.get(f"{self._url}/health/live", timeout=_QUICK) as answer:
                return answer.ok
        except (ClientError, TimeoutError):
            return False

    async def exists(self, image_id: str) -> bool:
        """Whether a picture is still there."""
        try:
            await self._ask("GET", f"/images/{image_id}")
        except ApiError as error:
            if error.status in {404, 410}:
                return False
            raise
        return True

    async def upload(self, path: Path, *, visibility: str) -> Fields:
        """Upload a file, streamed: the fields of the image, with `delete_token` for an anonymous one.

        Raises OSError when the file cannot be read.
        """
        key = {"Idempotency-Key": uuid4().hex}

        async def send() -> Fields:
            with path.open("rb") as file:
                form = FormData(quote_fields=False, default_to_multipart=True)
                form.add_field("visibility", visibility)
                form.add_field("file", file, filename=_sendable(path.name), content_type=_SAYS_NOTHING)
                # A refusal that needs no body then comes before the body, not as a broken connection.
                return await self._once("POST", "/images/upload", data=form, headers=key, expect100=True)

        return await self._patiently(send)

    async def _ask(self, method: str, path: str, **options: Any) -> Fields:
        return await self._patiently(lambda: self._once(method, path, **options))

    async def _patiently(self, send: Callable[[], Awaitable[Fields]]) -> Fields:
        attempt = 0
        while True:
            try:
                return await send()
            except (ApiError, Unreachable) as error:
                attempt += 1
                if not error.passes or attempt >= self._patience.attempts:
                    raise
                await asyncio.sleep(self._patience.pause(attempt - 1, error.retry_after))

    async def _once(self, method: str, path: str, *, headers: dict[str, str] | None = None, **options: Any) -> Fields:
        given = {**(headers or {}), **({"Authorization": f"Bearer {self._token}"} if self._token else {})}
        try:
            async with self._session.request(method, self._base + path, headers=given, **options) as answer:
                if answer.ok:
                    return dict(await answer.json())
                raise await _refusal(answer)
        except (ClientError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{self._base}: {str(error) or type(error).__name__}") from error


async def _refusal(answer: ClientResponse) -> ApiError:
    retry_after = answer.headers.get("Retry-After")
    try:
        problem = await answer.json(content_type=None)
        return ApiError(answer.status, problem["code"], problem["detail"], retry_after=retry_after)
    except (ValueError, KeyError, TypeError):  # a proxy's page rather than the service's answer
        detail = answer.reason or "no reason given"
        return ApiError(answer.status, f"HTTP_{answer.status}", detail, retry_after=retry_after)


def _sendable(name: str) -> str:
    """A file name as a header can hold it: valid UTF-8 and one line."""
    readable = os.fsencode(name).decode(errors="replace")
    return "".join(character if character.isprintable() else "_" for character in readable)

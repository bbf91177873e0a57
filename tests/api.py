"""Short words for what the API tests do again and again."""

import io
from typing import Any

from aiohttp import FormData
from aiohttp.test_utils import TestClient

from tests.pictures import picture
from tests.waiting import until

API = "/api/v1"
Client = TestClient[Any, Any]
PASSWORD = "correct horse battery"


def upload_form(data: bytes, *, name: str = "a.png", declared: str | None = None, **fields: str) -> FormData:
    """A multipart body as a browser makes it."""
    form = FormData(quote_fields=False, default_to_multipart=True)
    for field, value in fields.items():
        form.add_field(field, value)
    form.add_field("file", io.BytesIO(data), filename=name, content_type=declared or "application/octet-stream")
    return form


async def upload(client: Client, data: bytes | None = None, *, token: str | None = None, **form: Any) -> dict[str, Any]:
    """Upload a picture that is welcome; the answer's fields."""
    body = upload_form(picture() if data is None else data, **form)
    async with client.post(f"{API}/images/upload", data=body, headers=bearer(token)) as answer:
        fields: dict[str, Any] = await answer.json()
        assert answer.status in {200, 201}, fields
        return fields


async def refused(client: Client, body: Any, *, token: str | None = None, **options: Any) -> tuple[int, str]:
    """Upload something that is not welcome: status and code."""
    async with client.post(f"{API}/images/upload", data=body, headers=bearer(token), **options) as answer:
        assert answer.content_type == "application/problem+json"
        return answer.status, (await answer.json())["code"]


async def register(client: Client, email: str = "ann@example.com") -> str:
    """Open an account; its token."""
    async with client.post(f"{API}/auth/register", json={"email": email, "password": PASSWORD}) as answer:
        assert answer.status == 201
        token: str = (await answer.json())["access_token"]
        return token


async def show(
    client: Client, image_id: str, *, token: str | None = None
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, fields and headers of an image."""
    async with client.get(f"{API}/images/{image_id}", headers=bearer(token)) as answer:
        return answer.status, await answer.json(), dict(answer.headers)


async def status_of(client: Client, path: str, *, method: str = "GET", token: str | None = None, **options: Any) -> int:
    """Only the status."""
    headers = {**bearer(token), **options.pop("headers", {})}
    async with client.request(method, path, headers=headers, allow_redirects=False, **options) as answer:
        return answer.status


async def healthy(client: Client, status: str = "healthy") -> None:
    """Wait until `/health` says so."""

    async def says_so() -> bool:
        async with client.get("/health") as answer:
            return bool((await answer.json())["status"] == status)

    await until(says_so)


async def thumbnails_ready(client: Client, image_id: str) -> None:
    """Wait until they are made."""

    async def ready() -> bool:
        return bool((await show(client, image_id))[1]["thumbnail_ready"])

    await until(ready)


def bearer(token: str | None) -> dict[str, str]:
    """The header of a signed-in client."""
    return {"Authorization": f"Bearer {token}"} if token else {}


async def api_key(client: Client, token: str, *scopes: str, name: str | None = None, **fields: Any) -> dict[str, Any]:
    """Make an API key as whoever *token* signed in; the answer's fields, the key itself among them."""
    wanted = {"name": name or "-".join(scopes), "scopes": scopes, **fields}
    async with client.post(f"{API}/users/me/keys", json=wanted, headers=bearer(token)) as answer:
        made: dict[str, Any] = await answer.json()
        assert answer.status == 201, made
        return made

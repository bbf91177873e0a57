"""Short words for what the tests of the ring page do again and again."""

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

from sqlalchemy import update

from chitram.adapters.database import Database
from chitram.adapters.tables import users
from tests.api import Client, bearer, register

HTML = {"Accept": "text/html"}
RING = "/admin/ring"
Answer = tuple[int, str]


async def administrator(client: Client, settings: dict[str, object], email: str = "ada@example.com") -> str:
    """Open an account, make it an administrator's, carry its session from now on; its token."""
    token = await register(client, email)
    database = Database(str(settings["database_url"]))
    async with database.write() as connection:
        await connection.execute(update(users).where(users.c.email == email).values(is_admin=True))
    await database.close()
    client.session.cookie_jar.update_cookies({"chitram_session": token}, client.make_url("/"))
    return token


async def page(client: Client, path: str = RING, **headers: str) -> Answer:
    """Status and text of a page."""
    async with client.get(path, headers={**HTML, **headers}, allow_redirects=False) as answer:
        return answer.status, await answer.text()


async def send(client: Client, step: str, *, follow: bool = False, **fields: object) -> Answer:
    """Send one of the ring page's forms: status and text."""
    entered = {name: str(value) for name, value in fields.items()}
    async with client.post(f"{RING}/{step}", data=entered, headers=HTML, allow_redirects=follow) as answer:
        return answer.status, await answer.text()


async def ring_json(client: Client, token: str) -> dict[str, Any]:
    """The page's twin."""
    async with client.get("/api/v1/admin/ring", headers=bearer(token)) as answer:
        assert answer.status == 200
        fields: dict[str, Any] = await answer.json()
        return fields


class _Cells(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._open:
            self.rows[-1][-1] += data


def table(text: str, css: str) -> list[dict[str, str]]:
    """The rows of a table by its class, each cell under its column's heading."""
    start = text.index(f'class="{css}"')
    parser = _Cells()
    parser.feed(text[start : text.index("</table>", start)])
    head, *rows = ([" ".join(cell.split()) for cell in row] for row in parser.rows)
    return [dict(zip(head, row, strict=True)) for row in rows]


def sentence(text: str) -> str:
    """The line that says it all."""
    found = re.search(r'id="ring-head"[^>]*>([^<]*)<', text)
    assert found
    return unescape(found[1])

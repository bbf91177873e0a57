"""Parameters and headers that several operations share."""

from chitram.domain.page import DEFAULT_LIMIT, MAX_LIMIT
from chitram.handlers.openapi.fields import Schema, integer, text
from chitram.handlers.openapi.image_schemas import SHORT_EXAMPLE, UUID_EXAMPLE
from chitram.handlers.openapi.vocabulary import in_header, in_path, in_query

IMAGE_ID = in_path("id", text(examples=[UUID_EXAMPLE, SHORT_EXAMPLE]), "The picture's UUID or short id.")
SHORT_ID = in_path("id", text(pattern="^[1-9A-Za-z]{12}$", examples=[SHORT_EXAMPLE]), "The picture's short id.")
LIMIT = in_query("limit", integer(minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT), "How many.")
CURSOR = in_query("cursor", text(), "The `next_cursor` of the page before, unchanged.")
IF_NONE_MATCH = in_header("If-None-Match", text(), "An `ETag` that is known: 304 if it is still the right one.")
IF_MATCH = in_header("If-Match", text(), "The `ETag` that was read: 412 if the picture changed since.")
RANGE = in_header("Range", text(examples=["bytes=0-1023"]), "One range of bytes; several mean the whole.")
IF_RANGE = in_header("If-Range", text(), "The `ETag` that the range is for; the whole if it is another one by now.")


def _header(description: str, *, always: bool = True, **rules: object) -> Schema:
    return {"description": description, "required": always, "schema": {"type": "string", **rules}}


HEADERS: dict[str, Schema] = {
    "X-Request-ID": _header("The request's id: the caller's own if it has 8 to 64 harmless characters."),
    "Cache-Control": _header("Who may keep the answer, and how long."),
    "Location": _header("The picture's address.", pattern="^/"),
    "ETag": _header("This version.", pattern='^"[^"]+"$'),
    "Link": _header("The next page, if there is one.", always=False, pattern='^<[^>]+>; rel="next"$'),
    "X-Cache": _header(
        "How the metadata was found: in the cache, in the database, in the database for lack of nodes, or in the cache "
        "while the database is away and nothing can be written.",
        enum=["HIT", "MISS", "DISABLED", "STALE"],
    ),
    "X-Cache-Node": _header("The node that had it, or was filled.", always=False),
    "Accept-Ranges": _header("Ranges are understood.", const="bytes"),
    "Content-Range": _header("Which bytes, of how many.", pattern=r"^bytes (\d+-\d+|\*)/\d+$"),
    "Content-Disposition": _header("The file's name.", pattern="^(inline|attachment); filename="),
    "Cross-Origin-Resource-Policy": _header("Whether other sites may show it.", enum=["same-origin", "cross-origin"]),
    "Set-Cookie": _header("Takes the session's cookie back."),
    "WWW-Authenticate": _header("How to sign in.", const="Bearer"),
    "Retry-After": _header("In seconds.", pattern=r"^\d+$"),
}
"""By name; an answer names those that it has."""

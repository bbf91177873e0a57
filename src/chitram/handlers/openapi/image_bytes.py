"""Originals and thumbnails."""

from chitram.domain.api_key import Scope
from chitram.domain.media import MediaType
from chitram.domain.thumbnail import SIZES, ThumbnailFormat
from chitram.handlers.openapi.fields import Schema, integer, text
from chitram.handlers.openapi.parameters import IF_NONE_MATCH, IF_RANGE, IMAGE_ID, RANGE, SHORT_ID
from chitram.handlers.openapi.vocabulary import Access, Answer, Operation, in_path, json_answer
from chitram.handlers.present import API

_TAG = "Bytes"
_CONDITIONS = (IF_NONE_MATCH, RANGE, IF_RANGE)
_HEADERS = ("ETag", "Accept-Ranges", "Cache-Control", "Cross-Origin-Resource-Policy")
_THUMBNAIL_CODES = ("IMAGE_NOT_FOUND", "THUMBNAIL_NOT_READY", "NOT_FOUND")
_SIZE = in_path("size", integer(enum=list(SIZES)), "Of the longest side, in pixels.")


def _bytes(kinds: list[str], *more: str) -> dict[int, Answer]:
    content: dict[str, Schema] = {kind: {} for kind in kinds}
    headers = (*_HEADERS, *more)
    return {
        200: Answer("The whole.", content, headers),
        206: Answer("The range that was asked for.", content, (*headers, "Content-Range")),
        304: Answer("It is still this version.", headers=headers),
    }


def _thumbnail(name: str, summary: str, *variables: Schema, kinds: list[str]) -> Operation:
    return Operation(
        id=name,
        tag=_TAG,
        summary=summary,
        access=Access.ANYONE,
        scope=Scope.READ,
        parameters=(*variables, *_CONDITIONS),
        answers=_bytes(kinds),
        codes=_THUMBNAIL_CODES,
    )


def _original(name: str, summary: str, *variables: Schema, missing: tuple[str, ...] = ()) -> Operation:
    return Operation(
        id=name,
        tag=_TAG,
        summary=summary,
        description="Bytes as they were uploaded. The `ETag` is their SHA-256.",
        access=Access.ANYONE,
        scope=Scope.READ,
        parameters=(*variables, *_CONDITIONS),
        answers=_bytes([kind.value for kind in MediaType], "Content-Disposition"),
        codes=("IMAGE_NOT_FOUND", *missing),
    )


_JPEG = [ThumbnailFormat.JPEG.content_type]
_BOTH = [kind.content_type for kind in ThumbnailFormat]
_EXTENSION = in_path("ext", text(examples=["jpg"]), "For people: any will do.")
_KIND = in_path("kind", text(enum=[kind.value for kind in ThumbnailFormat]), "The format.")

IMAGE_BYTES: dict[str, Operation] = {
    f"GET {API}/images/{{id}}/file": _original("getFile", "The file", IMAGE_ID),
    f"GET {API}/images/{{id}}/thumbnail": _thumbnail("getThumbnail", "The thumbnail", IMAGE_ID, kinds=_JPEG),
    f"GET {API}/images/{{id}}/thumbnail/{{size}}": _thumbnail(
        "getThumbnailOfSize", "A thumbnail", IMAGE_ID, _SIZE, kinds=_JPEG
    ),
    f"GET {API}/images/{{id}}/thumbnails": Operation(
        id="listThumbnails",
        tag=_TAG,
        summary="All thumbnails' addresses",
        access=Access.ANYONE,
        scope=Scope.READ,
        parameters=(IMAGE_ID,),
        answers={200: json_answer("By size and format.", "ThumbnailAddresses", "Cache-Control")},
        codes=("IMAGE_NOT_FOUND", "THUMBNAIL_NOT_READY"),
    ),
    "GET /i/{id}.{ext}": _original(
        "getFileDirectly", "The file, under a short address", SHORT_ID, _EXTENSION, missing=("NOT_FOUND",)
    ),
    "GET /t/{id}/{size}.{kind}": _thumbnail(
        "getThumbnailDirectly", "A thumbnail, under a short address", SHORT_ID, _SIZE, _KIND, kinds=_BOTH
    ),
}

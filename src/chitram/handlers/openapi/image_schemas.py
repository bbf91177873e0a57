"""The fields of images."""

from chitram.domain.image import MAX_TITLE_LENGTH, Thumbnails, Visibility
from chitram.domain.media import MediaType
from chitram.domain.thumbnail import SIZES, ThumbnailFormat
from chitram.handlers.api_images import DeleteRequest, ImagePatch
from chitram.handlers.openapi.fields import Schema, flag, integer, listed, maybe, moment, path, record, ref, sent, text

UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
UUID_EXAMPLE, SHORT_EXAMPLE = "51e6e972-e59e-8e37-84e2-f12d6a1b2f4d", "G7kKzVd2yw4y"
SHA256 = text("Of the file as uploaded.", pattern="^[0-9a-f]{64}$", examples=["9f86d081" * 8])
TITLE = text(minLength=1, maxLength=MAX_TITLE_LENGTH, examples=["harbour"])
_EXAMPLE_PATH = f"/api/v1/images/{UUID_EXAMPLE}"


def _image(**more: Schema) -> Schema:
    links = record(
        "Where everything of it is.",
        self=path("The metadata.", _EXAMPLE_PATH),
        page=path("The picture's page.", f"/i/{SHORT_EXAMPLE}"),
        file=path("The bytes.", f"{_EXAMPLE_PATH}/file"),
        direct=path("The bytes, under a short address.", f"/i/{SHORT_EXAMPLE}.jpg"),
        thumbnails=path("All thumbnails' addresses.", f"{_EXAMPLE_PATH}/thumbnails"),
    )
    return record(
        "A picture's metadata.",
        id=text(format="uuid", pattern=UUID_PATTERN, examples=[UUID_EXAMPLE]),
        short_id=text("Another spelling of `id`.", pattern="^[1-9A-Za-z]{12}$", examples=[SHORT_EXAMPLE]),
        filename=text(minLength=1, maxLength=255, examples=["harbour.jpg"]),
        title=TITLE,
        content_type=text("What the bytes are.", enum=[kind.value for kind in MediaType], examples=["image/jpeg"]),
        file_size=integer("In bytes.", minimum=1, examples=[323110]),
        sha256=SHA256,
        width=integer("In pixels, as displayed.", minimum=1, examples=[4000]),
        height=integer("In pixels, as displayed.", minimum=1, examples=[3000]),
        color=text("The average, or what lies behind transparency.", pattern="^#[0-9a-f]{6}$", examples=["#c71d28"]),
        visibility=ref("Visibility"),
        created_at=moment(),
        updated_at=moment(),
        url=path("The bytes.", f"{_EXAMPLE_PATH}/file"),
        thumbnails=text("`failed`: they cannot be made.", enum=[state.value for state in Thumbnails]),
        thumbnail_ready=flag(),
        thumbnail_url=maybe(path("The one of 300 pixels, once it is ready.", f"{_EXAMPLE_PATH}/thumbnail")),
        links=links,
        **more,
    )


def _of_each_size() -> Schema:
    formats = {kind.value: path("", f"/t/{SHORT_EXAMPLE}/300.{kind}") for kind in ThumbnailFormat}
    sizes = {str(size): record(f"The longest side has {size} pixels.", **formats) for size in SIZES}
    return record("By size, then format.", **sizes)


IMAGE_SCHEMAS: dict[str, Schema] = {
    "Visibility": text(
        "`private`: its owner alone; `unlisted`: whoever has the link; `public`: in the gallery too.",
        enum=[kind.value for kind in Visibility],
    ),
    "Image": _image(),
    "UploadedImage": _image(
        delete_token=maybe(text("Of anonymous uploads, shown once.", minLength=43, maxLength=43)),
        duplicate=flag("The caller had this picture already: this is it."),
    ),
    "ImagePage": record(
        "A page of a list, newest first.",
        items=listed(ref("Image")),
        next_cursor=maybe(text("For `cursor`; null on the last page.")),
    ),
    "ThumbnailAddresses": record("All thumbnails of a picture.", thumbnails=_of_each_size()),
    "ImagePatch": sent(ImagePatch, title={"anyOf": [TITLE, {"type": "null"}]}),
    "DeleteToken": sent(DeleteRequest),
}

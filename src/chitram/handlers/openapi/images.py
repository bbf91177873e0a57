"""``/api/v1/images``: upload, lists, metadata. Their bytes are in ``image_bytes.py``."""

from chitram.domain.api_key import Scope
from chitram.domain.image import MAX_TITLE_LENGTH
from chitram.handlers.openapi.fields import record, ref, sometimes, text
from chitram.handlers.openapi.parameters import CURSOR, IF_MATCH, IF_NONE_MATCH, IMAGE_ID, LIMIT
from chitram.handlers.openapi.vocabulary import (
    Access,
    Answer,
    Body,
    Operation,
    in_header,
    in_query,
    json_answer,
    json_body,
)
from chitram.handlers.present import API
from chitram.services.uploads import UploadLimits

_TAG = "Images"
_TOKEN_WORDS = "The token that was shown after an anonymous upload."  # noqa: S105  words about a token
_REFUSED_UPLOADS = ("FILE_TOO_LARGE", "INVALID_FILE_FORMAT", "IMAGE_TOO_MANY_PIXELS", "QUOTA_EXCEEDED")

IMAGES: dict[str, Operation] = {
    f"GET {API}/images": Operation(
        id="listImages",
        tag=_TAG,
        summary="The public gallery",
        description="Newest first; stable while pictures arrive.",
        access=Access.OPEN,
        parameters=(LIMIT, CURSOR),
        answers={200: json_answer("A page.", "ImagePage", "Cache-Control", "Link")},
        codes=("VALIDATION_ERROR",),
    ),
    f"GET {API}/images/{{id}}": Operation(
        id="getImage",
        tag=_TAG,
        summary="A picture's metadata",
        description="A private picture of somebody else is missing.",
        access=Access.ANYONE,
        scope=Scope.READ,
        parameters=(IMAGE_ID, IF_NONE_MATCH),
        answers={
            200: json_answer("The metadata.", "Image", "Cache-Control", "ETag", "X-Cache", "X-Cache-Node"),
            304: Answer("It is still this version.", headers=("Cache-Control", "ETag", "X-Cache", "X-Cache-Node")),
        },
        codes=("IMAGE_NOT_FOUND",),
    ),
    f"PATCH {API}/images/{{id}}": Operation(
        id="changeImage",
        tag=_TAG,
        summary="Change title or visibility",
        description="A merge patch (RFC 7396): what is absent stays. For the owner and for administrators.",
        access=Access.ANYONE,
        scope=Scope.UPLOAD,
        parameters=(IMAGE_ID, IF_MATCH),
        body=json_body("ImagePatch"),
        answers={200: json_answer("As it is now.", "Image", "ETag")},
        codes=("IMAGE_NOT_FOUND", "PRECONDITION_FAILED"),
    ),
    f"DELETE {API}/images/{{id}}": Operation(
        id="deleteImage",
        tag=_TAG,
        summary="Delete a picture",
        description="By its owner, an administrator, or with the token of an anonymous upload, sent as header, "
        "query or, without these, body. From then on metadata, file and thumbnails are 404 from every process.",
        access=Access.ANYONE,
        scope=Scope.DELETE,
        parameters=(
            IMAGE_ID,
            in_header("X-Delete-Token", text(), _TOKEN_WORDS),
            in_query("delete_token", text(), _TOKEN_WORDS),
        ),
        body=json_body("DeleteToken", required=False),
        answers={204: Answer("It is gone.")},
        codes=("IMAGE_NOT_FOUND", "DELETE_TOKEN_REQUIRED", "INVALID_DELETE_TOKEN"),
    ),
}


def upload_operation(limits: UploadLimits) -> dict[str, Operation]:
    """What an upload may be here."""
    kinds = sorted(kind.value for kind in limits.allowed_types)
    fields = record(
        "The picture and what is said of it, in any order.",
        file={
            "type": "string",
            "contentMediaType": "application/octet-stream",
            "description": f"The picture, of at most {limits.max_bytes:,} bytes: {', '.join(kinds)}; told by content.",
        },
        title=text("Without one: the file's name.", maxLength=MAX_TITLE_LENGTH, examples=["harbour"]),
        visibility={**ref("Visibility"), "default": "unlisted"},
    )
    return {
        f"POST {API}/images/upload": Operation(
            id="uploadImage",
            tag=_TAG,
            summary="Upload a picture",
            description="The size is checked as the body arrives. `Expect: 100-continue` saves the body of a refusal.",
            access=Access.ANYONE if limits.anonymous else Access.SIGNED_IN,
            scope=Scope.UPLOAD,
            body=Body({"multipart/form-data": sometimes(fields, "title", "visibility")}, whole=False),
            answers={
                200: json_answer("The caller has this picture already.", "UploadedImage", "Location", "Cache-Control"),
                201: json_answer("Stored.", "UploadedImage", "Location", "Cache-Control"),
            },
            codes=_REFUSED_UPLOADS,
        )
    }

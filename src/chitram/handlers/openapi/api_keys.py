"""``/api/v1/users/me/keys``. No API key may use these."""

from chitram.handlers.openapi.fields import text
from chitram.handlers.openapi.vocabulary import Access, Answer, Operation, in_path, json_answer, json_body
from chitram.handlers.present import API

_TAG = "API keys"

API_KEYS: dict[str, Operation] = {
    f"GET {API}/users/me/keys": Operation(
        id="listKeys",
        tag=_TAG,
        summary="My API keys",
        access=Access.SIGNED_IN,
        answers={200: json_answer("Newest first, without the keys themselves.", "ApiKeys", "Cache-Control")},
    ),
    f"POST {API}/users/me/keys": Operation(
        id="createKey",
        tag=_TAG,
        summary="Create an API key",
        access=Access.SIGNED_IN,
        body=json_body("NewKey"),
        answers={201: json_answer("The only answer that ever holds the key.", "CreatedKey", "Cache-Control")},
        codes=("CONFLICT",),
    ),
    f"DELETE {API}/users/me/keys/{{id}}": Operation(
        id="revokeKey",
        tag=_TAG,
        summary="Revoke an API key",
        access=Access.SIGNED_IN,
        parameters=(in_path("id", text(), "The key's id."),),
        answers={204: Answer("It is worthless, in every process.")},
        codes=("NOT_FOUND",),
    ),
}

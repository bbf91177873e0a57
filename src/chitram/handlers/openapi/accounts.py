"""``/api/v1/auth`` and ``/api/v1/users/me``."""

from chitram.domain.api_key import Scope
from chitram.handlers.openapi.fields import ref
from chitram.handlers.openapi.image_schemas import SHA256
from chitram.handlers.openapi.parameters import CURSOR, LIMIT
from chitram.handlers.openapi.vocabulary import (
    Access,
    Answer,
    Body,
    Operation,
    in_query,
    json_answer,
    json_body,
)
from chitram.handlers.present import API

_TAG = "Accounts"
_ME = json_answer("Whose token it is, and what its pictures take up.", "Me", "Cache-Control")

ACCOUNTS: dict[str, Operation] = {
    f"POST {API}/auth/register": Operation(
        id="register",
        tag=_TAG,
        summary="Open an account",
        access=Access.OPEN,
        body=json_body("NewAccount"),
        answers={201: json_answer("The account, signed in.", "SignedIn", "Cache-Control")},
        codes=("EMAIL_EXISTS",),
    ),
    f"POST {API}/auth/login": Operation(
        id="login",
        tag=_TAG,
        summary="Sign in",
        description="An unknown address and a wrong password are answered alike.",
        access=Access.OPEN,
        body=json_body("Credentials"),
        answers={200: json_answer("Signed in.", "SignedIn", "Cache-Control")},
        codes=("INVALID_CREDENTIALS", "USER_INACTIVE"),
    ),
    f"POST {API}/auth/token": Operation(
        id="token",
        tag=_TAG,
        summary="Sign in by OAuth 2.0's password grant",
        access=Access.OPEN,
        body=Body({"application/x-www-form-urlencoded": ref("PasswordGrant")}),
        answers={200: json_answer("Signed in.", "Token", "Cache-Control")},
        codes=("INVALID_CREDENTIALS", "USER_INACTIVE"),
    ),
    f"GET {API}/auth/me": Operation(
        id="whoAmI", tag=_TAG, summary="Who am I?", access=Access.SIGNED_IN, scope=Scope.READ, answers={200: _ME}
    ),
    f"POST {API}/auth/logout": Operation(
        id="logout",
        tag=_TAG,
        summary="Sign out",
        description="The token is worthless at once, in every process.",
        access=Access.SIGNED_IN,
        answers={204: Answer("Signed out.", headers=("Set-Cookie",))},
    ),
    f"POST {API}/auth/password": Operation(
        id="changePassword",
        tag=_TAG,
        summary="Change the password",
        description="Every earlier token is worthless at once.",
        access=Access.SIGNED_IN,
        body=json_body("PasswordChange"),
        answers={200: json_answer("Changed; with a new token.", "SignedIn", "Cache-Control")},
        codes=("INVALID_CREDENTIALS",),
    ),
    f"GET {API}/users/me": Operation(
        id="getMe", tag=_TAG, summary="Who am I?", access=Access.SIGNED_IN, scope=Scope.READ, answers={200: _ME}
    ),
    f"GET {API}/users/me/images": Operation(
        id="listMyImages",
        tag=_TAG,
        summary="My pictures",
        access=Access.SIGNED_IN,
        scope=Scope.READ,
        parameters=(LIMIT, CURSOR, in_query("sha256", SHA256, "Only the picture with these bytes.")),
        answers={200: json_answer("A page.", "ImagePage", "Cache-Control", "Link")},
        codes=("VALIDATION_ERROR",),
    ),
    f"GET {API}/users/me/export": Operation(
        id="exportMe",
        tag=_TAG,
        summary="All of my pictures, in one zip",
        description="Streamed, of unknown length. `manifest.json` in it says what is there, and what is not and why.",
        access=Access.SIGNED_IN,
        scope=Scope.READ,
        answers={
            200: Answer("The archive.", {"application/zip": {}}, ("Content-Disposition", "Cache-Control")),
        },
        codes=("EXPORT_RUNNING",),
    ),
}

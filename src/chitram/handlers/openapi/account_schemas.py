"""The fields of accounts."""

from typing import Any

from chitram.domain.account import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from chitram.domain.api_key import MAX_NAME_LENGTH, Scope
from chitram.handlers.api_accounts import Credentials, PasswordChange
from chitram.handlers.api_keys import KeyRequest
from chitram.handlers.openapi.fields import (
    Schema,
    flag,
    integer,
    listed,
    maybe,
    moment,
    record,
    ref,
    sent,
    sometimes,
    text,
)
from chitram.handlers.openapi.image_schemas import UUID_PATTERN

_EMAIL: dict[str, Any] = {"examples": ["ann@example.com"]}
_PASSWORD: dict[str, Any] = {"format": "password", "examples": ["correct horse battery"]}
_NEW_PASSWORD = {**_PASSWORD, "minLength": MIN_PASSWORD_LENGTH, "maxLength": MAX_PASSWORD_LENGTH}
_USER = {
    "id": text(format="uuid", pattern=UUID_PATTERN),
    "email": text(**_EMAIL),
    "is_active": flag(),
    "is_admin": flag(),
    "created_at": moment(),
}
_TOKEN = {"access_token": text("Send it as `Authorization: Bearer TOKEN`."), "token_type": text(const="bearer")}


def _key(**more: Schema) -> Schema:
    return record(
        "An API key.",
        id=text(format="uuid", pattern=UUID_PATTERN),
        name=text(minLength=1, maxLength=MAX_NAME_LENGTH, examples=["laptop"]),
        scopes=listed(ref("Scope")),
        created_at=moment(),
        expires_at=maybe(moment("Null: when it is revoked.")),
        last_used_at=maybe(moment("Up to a minute late.")),
        **more,
    )


ACCOUNT_SCHEMAS: dict[str, Schema] = {
    "NewAccount": sent(Credentials, email=_EMAIL, password=_NEW_PASSWORD),
    "Credentials": sent(Credentials, email=_EMAIL, password=_PASSWORD),
    "PasswordChange": sent(PasswordChange, current_password=_PASSWORD, new_password=_NEW_PASSWORD),
    "PasswordGrant": sometimes(
        record(
            "OAuth 2.0 (RFC 6749), section 4.3.2.",
            grant_type=text("Is not looked at: this is the only grant.", examples=["password"]),
            username=text("The email address.", **_EMAIL),
            password=text(**_PASSWORD),
        ),
        "grant_type",
    ),
    "User": record("An account, as its owner sees it.", **_USER),
    "Me": record(
        "An account with what it uses.",
        **_USER,
        used_bytes=integer("What its originals take up together.", minimum=0),
        quota_bytes=maybe(integer("What they may; null: anything.", minimum=0)),
    ),
    "NewKey": sent(
        KeyRequest,
        name={"minLength": 1, "maxLength": MAX_NAME_LENGTH, "examples": ["laptop"]},
        scopes={"minItems": 1},
        expires_in={"description": "In seconds; null or nothing: until it is revoked."},
    ),
    "Scope": text("What a key may do. None implies another.", enum=[scope.value for scope in Scope]),
    "ApiKey": _key(),
    "CreatedKey": _key(key=text("Shown once. Send it as `Authorization: Bearer ctm_…`.", pattern="^ctm_[0-9a-f]{48}$")),
    "ApiKeys": record(
        "All of them.", items=listed(ref("ApiKey")), next_cursor={"type": "null", "description": "There are few."}
    ),
    "SignedIn": record("An account with a fresh token.", user=ref("User"), **_TOKEN),
    "Token": record("A fresh token.", **_TOKEN),
}

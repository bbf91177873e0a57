"""What an API key looks like, what it may be asked for, and that no log shows one."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from chitram.domain.account import User
from chitram.domain.api_key import LONGEST_LIFE, ApiKey, KeyWish, Scope, fingerprint, in_order, is_api_key, new_secret
from chitram.domain.errors import Forbidden, ScopeMissing
from chitram.handlers.key_snippets import Snippets
from chitram.redaction import Redaction
from chitram.services.accounts import Session

NOW = datetime(2026, 11, 27, tzinfo=UTC)
ANN = User(id="ann", email="ann@example.com", is_active=True, is_admin=False, created_at=NOW)
ADA = replace(ANN, id="ada", email="ada@example.com", is_admin=True)


def wish(**fields: object) -> KeyWish:
    """A key that is all right; any field may be another."""
    return replace(KeyWish(name="laptop", scopes=frozenset({Scope.UPLOAD})), **fields)  # type: ignore[arg-type]  # by name


def key(*scopes: Scope, expires_at: datetime | None = None) -> ApiKey:
    """Ann's."""
    return ApiKey(
        id="1",
        user_id="ann",
        name="laptop",
        scopes=frozenset(scopes),
        created_at=NOW,
        expires_at=expires_at,
        last_used_at=None,
    )


def test_a_key_has_more_chance_in_it_than_anybody_can_try():
    """At least 160 bits, and none comes twice."""
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    for secret in made:
        assert re.fullmatch(r"ctm_[0-9a-f]{40,}", secret)
        assert is_api_key(secret)
    assert len({fingerprint(secret) for secret in made}) == 100


def test_what_is_stored_of_a_key_has_none_of_it():
    """Its SHA-256; also of what no key can be."""
    secret = new_secret()
    assert re.fullmatch(r"[0-9a-f]{64}", fingerprint(secret))
    assert secret.removeprefix("ctm_")[:12] not in fingerprint(secret)
    assert len(fingerprint("ctm_\ud800")) == 64


@pytest.mark.parametrize(
    "spelled",
    [
        "{key}",
        "Bearer {key}",
        "Authorization: Bearer {key}",
        "GET /api/v1/images/{key}/file",
        "GET /?next=Bearer%20{key}",
        "x{key}x",
        "curl -H 'Authorization: Bearer {key}' http://h/",
        "export CHITRAM_TOKEN={key}",
        "GET /?k={percent}",
        r"body: {escaped}",
    ],
)
def test_a_key_is_struck_out_of_a_log_wherever_it_stands(spelled):
    """The log's last guard knows what a key begins with."""
    secret = new_secret()
    line = spelled.format(key=secret, percent=secret.replace("_", "%5F"), escaped=secret.replace("_", "\\u005f"))
    for text in (line, json.dumps({"event": line}), repr(line), quote(line), line.upper()):
        assert secret[6:16].lower() not in Redaction()(text).lower(), text


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"name": "  "}, "/name"),
        ({"name": "x" * 101}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"name": "a\u202eb"}, "/name"),
        ({"name": "a\0b"}, "/name"),
        ({"scopes": frozenset()}, "/scopes"),
        ({"scopes": frozenset({Scope.ADMIN})}, "/scopes"),
        ({"lifetime": timedelta(seconds=59)}, "/expires_in"),
        ({"lifetime": -timedelta(days=1)}, "/expires_in"),
        ({"lifetime": LONGEST_LIFE + timedelta(seconds=1)}, "/expires_in"),
    ],
)
def test_what_is_wrong_with_a_wish_is_said_at_its_field(changed, pointer):
    """And a right one is wanting in nothing."""
    assert [problem.pointer for problem in wish(**changed).problems(ANN)] == [pointer]
    assert wish(name="చిత్రం laptop", lifetime=LONGEST_LIFE).problems(ANN) == []


def test_the_scope_for_administrators_is_theirs_alone():
    """An ordinary account is told so at once."""
    asked = wish(scopes=frozenset(Scope))
    assert asked.problems(ADA) == []
    assert [problem.pointer for problem in asked.problems(ANN)] == ["/scopes"]


def test_a_key_does_what_it_was_made_for():
    """One scope at a time; the refusal names what is missing."""
    session = Session(ANN, "", key(Scope.READ))
    session.permit(Scope.READ)
    for missing in set(Scope) - {Scope.READ}:
        with pytest.raises(ScopeMissing, match=f"'{missing.value}'") as refused:
            session.permit(missing)
        assert refused.value.details == {"scope": missing}


def test_no_key_does_what_no_scope_is_for():
    """However many it has. Whoever signed in may."""
    with pytest.raises(Forbidden, match="password"):
        Session(ADA, "", key(*Scope)).permit(None)
    for needs in (None, *Scope):
        Session(ANN, "token").permit(needs)


def test_an_administrators_key_has_that_power_only_with_its_scope():
    """And the scope gives nobody else any."""
    powers = [
        Session(who, "", key(*scopes)).caller.is_admin for who in (ADA, ANN) for scopes in (Scope, [Scope.DELETE])
    ]
    assert powers == [True, False, False, False]
    assert Session(ADA, "token").caller.is_admin


def test_a_key_expires_when_it_was_told_to():
    """At that very moment; one without a date never does."""
    mortal = key(Scope.READ, expires_at=NOW)
    assert not mortal.has_expired(NOW - timedelta(microseconds=1))
    assert mortal.has_expired(NOW)
    assert not key(Scope.READ).has_expired(NOW + timedelta(days=36500))
    assert in_order({Scope.ADMIN, Scope.UPLOAD, Scope.READ}) == [Scope.UPLOAD, Scope.READ, Scope.ADMIN]


def test_the_file_for_sharex_sends_a_picture_as_the_api_takes_it():
    """With the key, to this site; what ShareX reads of the answer are fields that it has."""
    uploader = json.loads(Snippets("https://pictures.example:8443", "ctm_x").sharex())
    assert uploader["RequestURL"] == "https://pictures.example:8443/api/v1/images/upload"
    assert uploader["Headers"] == {"Authorization": "Bearer ctm_x"}
    assert (uploader["RequestMethod"], uploader["Body"]) == ("POST", "MultipartFormData")
    assert (uploader["FileFormName"], uploader["DestinationType"]) == ("file", "ImageUploader")
    assert uploader["Name"] == "Chitram (pictures.example:8443)"

"""The rules of the domain: names, access, pages, types, sizes."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chitram.domain.account import email_problem, normalise_email, password_problem
from chitram.domain.errors import (
    DeleteTokenRequired,
    Forbidden,
    ImageNotFound,
    InvalidDeleteToken,
    Unauthorized,
    ValidationFailed,
)
from chitram.domain.filename import MAX_BYTES, download_name, safe_filename, title_from
from chitram.domain.identifiers import new_image_id
from chitram.domain.image import ANONYMOUS, Caller, Visibility, may_see, refuse_change, refuse_delete, title_problem
from chitram.domain.media import MediaType, contradicts, sniff
from chitram.domain.page import Cursor, parse_limit
from chitram.domain.thumbnail import fit, image_id_of, original_key, thumbnail_keys

OWNER, STRANGER, ADMIN = Caller("owner"), Caller("stranger"), Caller("admin", is_admin=True)


@given(st.text(max_size=400))
def test_a_file_name_is_never_empty_long_or_dangerous(text):
    """No path, control or bidirectional character survives, whatever a client sends."""
    name = safe_filename(text, extension="png")
    assert name
    assert len(name.encode()) <= MAX_BYTES
    assert not set(name) & set("/\\\0\r\n\u202e\u2066")
    assert name not in {".", ".."}


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\photos\\a.jpg", "a.jpg"),
        ("evil\0.jpg", "evil.jpg"),
        ("gpj.\u202eexe.jpg", "gpj.exe.jpg"),
        ("చిత్రం.jpg", "చిత్రం.jpg"),
        (None, "image.png"),
        ("...", "image.png"),
        ("x" * 300 + ".jpeg", "x" * 250 + ".jpeg"),
    ],
)
def test_what_becomes_of_a_file_name(given_name, kept):
    """Harmless names stay as they are, in every script."""
    assert safe_filename(given_name, extension="png") == kept


@pytest.mark.parametrize(
    ("given_name", "media_type", "saved_as"),
    [
        ("a.JPEG", MediaType.JPEG, "a.JPEG"),
        ("invoice.hta", MediaType.JPEG, "invoice.hta.jpg"),
        ("page.html", MediaType.PNG, "page.html.png"),
        ("a.png", MediaType.JPEG, "a.png.jpg"),
        ("photo", MediaType.AVIF, "photo.avif"),
    ],
)
def test_a_picture_is_saved_as_a_picture(given_name, media_type, saved_as):
    """Whatever its uploader called it."""
    assert download_name(given_name, media_type) == saved_as


def test_a_title_may_have_joiners_and_no_steering_characters():
    """Telugu and emoji are spelled with joiners."""
    assert title_problem("క్\u200cష 👩\u200d👩\u200d👧") is None
    for bad in ("", "   ", "a\0b", "gpj.\u202eexe", "x" * 201):
        assert title_problem(bad)


def test_a_title_is_the_file_name_in_words():
    """A picture is never called by a bare identifier."""
    assert title_from("summer_in__Oslo.final.jpg") == "summer in Oslo.final"


@pytest.mark.parametrize("caller", [ANONYMOUS, STRANGER])
def test_a_private_picture_is_missing_for_others(caller):
    """To see, to change and to delete: the answer is the one for a picture that does not exist."""
    assert not may_see(Visibility.PRIVATE, "owner", caller)
    assert isinstance(refuse_change(Visibility.PRIVATE, "owner", caller), ImageNotFound)
    refusal = refuse_delete(Visibility.PRIVATE, "owner", caller, token_given=True, token_matches=False)
    assert isinstance(refusal, ImageNotFound)


@pytest.mark.parametrize("caller", [OWNER, ADMIN])
@pytest.mark.parametrize("visibility", list(Visibility))
def test_owner_and_administrator_may_do_everything(caller, visibility):
    """Whatever the visibility."""
    assert may_see(visibility, "owner", caller)
    assert refuse_change(visibility, "owner", caller) is None
    assert refuse_delete(visibility, "owner", caller, token_given=False, token_matches=False) is None


def test_401_and_403_are_told_apart():
    """Nobody is asked to sign in; somebody else is refused."""
    assert isinstance(refuse_change(Visibility.PUBLIC, "owner", ANONYMOUS), Unauthorized)
    assert isinstance(refuse_change(Visibility.PUBLIC, "owner", STRANGER), Forbidden)


def test_an_anonymous_picture_goes_by_its_token_alone():
    """Being signed in does not help, having the token does."""
    for caller in (ANONYMOUS, STRANGER):
        without = refuse_delete(Visibility.PUBLIC, None, caller, token_given=False, token_matches=False)
        wrong = refuse_delete(Visibility.PUBLIC, None, caller, token_given=True, token_matches=False)
        assert isinstance(without, DeleteTokenRequired)
        assert isinstance(wrong, InvalidDeleteToken)
        assert refuse_delete(Visibility.PUBLIC, None, caller, token_given=True, token_matches=True) is None


def test_a_token_opens_no_owned_picture():
    """A token is for pictures without an owner."""
    refusal = refuse_delete(Visibility.PUBLIC, "owner", STRANGER, token_given=True, token_matches=True)
    assert isinstance(refusal, Forbidden)


@given(st.datetimes(datetime(1970, 1, 2), datetime(2200, 1, 1)))  # noqa: DTZ001  made aware below
def test_a_cursor_comes_back_as_it_went_out(moment):
    """To the microsecond, or pages would skip or repeat pictures."""
    cursor = Cursor(moment.replace(tzinfo=UTC), new_image_id())
    assert Cursor.decode(cursor.encode()) == cursor


@given(st.text(max_size=80))
def test_a_made_up_cursor_is_a_clear_error(text):
    """Never a crash."""
    with pytest.raises(ValidationFailed):
        Cursor.decode(text)


@pytest.mark.parametrize("text", ["0", "101", "-1", "ten", "1.5", "٣", ""])
def test_a_limit_is_a_number_from_1_to_100(text):
    """Anything else is refused rather than corrected."""
    with pytest.raises(ValidationFailed):
        parse_limit(text)


@given(st.integers(1, 20_000), st.integers(1, 20_000), st.sampled_from([150, 300, 600]))
def test_a_thumbnail_fits_and_is_never_enlarged(width, height, longest):
    """The longest side is the limit, or the picture's own."""
    scaled = fit(width, height, longest)
    assert max(scaled) == min(longest, max(width, height))
    assert min(scaled) >= 1


def test_every_blob_of_an_image_leads_back_to_it():
    """Or the sweep could not judge it."""
    image_id = new_image_id()
    assert {image_id_of(key) for key in (original_key(image_id), *thumbnail_keys(image_id))} == {image_id}
    assert image_id_of("somebody/elses") is None


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe0", MediaType.JPEG),
        (b"\x89PNG\r\n\x1a\n", MediaType.PNG),
        (b"GIF89a", MediaType.GIF),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", MediaType.WEBP),
        (b"\x00\x00\x00\x1cftypavif", MediaType.AVIF),
        (b"RIFF\x00\x00\x00\x00WAVE", None),
        (b"<svg xmlns", None),
        (b"", None),
    ],
)
def test_a_type_is_told_by_content(head, kind):
    """By the first bytes; the name has no say."""
    assert sniff(head) is kind


@pytest.mark.parametrize(
    "declared", ["image/jpeg", "image/jpg", "IMAGE/JPEG; x=y", "", None, "application/octet-stream"]
)
def test_a_declaration_may_be_right_or_silent(declared):
    """These say nothing against JPEG."""
    assert not contradicts(declared, MediaType.JPEG)


@pytest.mark.parametrize("declared", ["text/html", "image/png", "image/svg+xml"])
def test_a_declaration_may_contradict(declared):
    """These say something else than the bytes."""
    assert contradicts(declared, MediaType.JPEG)


def test_addresses_are_compared_without_case():
    """One person, one account."""
    assert normalise_email("  Ann@Example.COM ") == "ann@example.com"


@pytest.mark.parametrize(
    "email", ["", "ann", "ann@", "@example.com", "a b@example.com", "a@b@c.de", "a@localhost", "a@b.c\0"]
)
def test_a_broken_address_is_refused(email):
    """Its shape is judged, nothing more."""
    assert email_problem(email)


def test_only_the_length_of_a_password_counts():
    """In characters of any script."""
    assert password_problem("1234567")
    assert password_problem("x" * 129)
    assert password_problem("చిత్రంచిత్రం") is None

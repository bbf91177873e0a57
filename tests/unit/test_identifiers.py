"""An image id in its two spellings."""

import sys
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chitram.domain.identifiers import RANDOM_BITS, SHORT_LENGTH, new_image_id, parse_image_id, short_id


def test_a_new_id_is_a_lower_case_uuid_of_version_8():
    """Clients see an ordinary UUID."""
    image_id = new_image_id()
    assert str(UUID(image_id)) == image_id
    assert UUID(image_id).version == 8


@given(st.integers(0, (1 << RANDOM_BITS) - 1))
def test_both_spellings_name_the_same_image(number):
    """The short id and the UUID lead to each other without a look-up."""
    from chitram.domain import identifiers  # noqa: PLC0415  the private speller is the subject

    image_id = identifiers._spell(number)
    short = short_id(image_id)
    assert len(short) == SHORT_LENGTH
    assert parse_image_id(short) == image_id
    assert parse_image_id(image_id) == image_id


@given(st.uuids())
def test_a_uuid_that_nobody_issued_is_recognised(foreign):
    """A made-up id never reaches the database or the cache."""
    assert parse_image_id(str(foreign)) is None


@given(st.text(max_size=64))
def test_no_text_breaks_the_parser(text):
    """Whatever stands in a URL is an id or is not."""
    parsed = parse_image_id(text)
    assert parsed is None or text in {parsed, short_id(parsed)}


def test_one_image_has_one_uuid_spelling():
    """Upper case is refused, so that caches and logs hold an image once."""
    assert parse_image_id("51E6E972-E59E-8E37-84E2-F12D6A1B2F4D") is None


def test_the_placement_of_bits_is_a_wire_contract():
    """Links must go on working for ever: these were issued once."""
    assert parse_image_id("G7kKzVd2yw4y") == "51e6e972-e59e-8e37-84e2-f12d6a1b2f4d"


def test_what_is_too_long_is_not_remembered():
    """Ids come from addresses: a cache of long ones would be anybody's way to our memory."""
    text = "".join(["x"] * 8000)
    before = sys.getrefcount(text)
    assert parse_image_id(text) is None
    assert sys.getrefcount(text) == before

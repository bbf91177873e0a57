"""Uploading: what is taken, what is refused, and that a refusal leaves nothing."""

import asyncio
import io
import tracemalloc
from pathlib import Path

import pytest
from aiohttp import FormData
from PIL import Image

from tests.api import API, refused, register, show, status_of, thumbnails_ready, upload, upload_form
from tests.pictures import KINDS, bomb, encoded, noise, picture, turned


@pytest.fixture
def nothing_stored(tmp_path: Path):
    """After the test, no file is left in the storage."""
    yield
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_comes_back_byte_for_byte(service, kind):
    """The type is told by content, the size and the digest are the file's."""
    data = picture(kind)
    fields = await upload(service, data, name="holiday.bin")
    assert (fields["content_type"], fields["file_size"]) == (kind, len(data))
    assert (fields["width"], fields["height"]) == (64, 48)
    async with service.get(fields["url"]) as answer:
        assert await answer.read() == data
        assert answer.content_type == kind
        assert answer.headers["ETag"] == f'"{fields["sha256"]}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_an_upload_answers_with_its_place(service):
    """201 and a Location that works at once."""
    async with service.post(f"{API}/images/upload", data=upload_form(picture())) as answer:
        fields = await answer.json()
        assert answer.status == 201
        assert len(fields["delete_token"]) == 43
        assert (await show(service, fields["id"]))[0] == 200
        assert await status_of(service, answer.headers["Location"]) == 200


async def test_width_and_height_respect_the_orientation(service):
    """A picture that lies on its side is described as it is shown."""
    fields = await upload(service, turned((60, 20)))
    assert (fields["width"], fields["height"]) == (20, 60)
    await thumbnails_ready(service, fields["id"])
    async with service.get(f"{API}/images/{fields['id']}/thumbnail") as answer:
        assert Image.open(io.BytesIO(await answer.read())).size == (20, 60)


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("../../etc/passwd.png", "passwd.png"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("చిత్రం.png", "చిత్రం.png"),
        ('q"uo;te.png', 'q"uo;te.png'),
    ],
)
async def test_a_hostile_file_name_becomes_harmless(service, name, stored):
    """Paths and bidirectional marks go; every script stays, and quotes cannot end the header."""
    fields = await upload(service, name=name)
    assert fields["filename"] == stored
    async with service.get(fields["url"]) as answer:
        disposition = answer.headers["Content-Disposition"]
        assert answer.status == 200
        assert disposition.startswith("inline; ")
        assert disposition.count('"') == 2


async def test_a_nul_in_a_file_name_is_no_error(service):
    """Sent raw, as only a hostile client does."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a%00b.png"\r\n\r\n'
        + picture()
        + b"\r\n--x--\r\n"
    )
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with service.post(f"{API}/images/upload", data=body, headers=headers) as answer:
        fields = await answer.json()
        assert answer.status == 201
        assert "\0" not in fields["filename"]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (upload_form(b""), 400, "INVALID_REQUEST"),
        (upload_form(b"hello, I am text", name="a.jpg", declared="image/jpeg"), 415, "INVALID_FILE_FORMAT"),
        (upload_form(b"\xff\xd8\xff"), 415, "INVALID_FILE_FORMAT"),
        (upload_form(noise((400, 300))[:-2000]), 415, "INVALID_FILE_FORMAT"),
        (upload_form(noise((400, 300), "image/png")[:-2000]), 415, "INVALID_FILE_FORMAT"),
        (upload_form(picture("image/jpeg"), declared="text/html"), 415, "INVALID_FILE_FORMAT"),
        (upload_form(bomb(10_000)), 422, "IMAGE_TOO_MANY_PIXELS"),
        (upload_form(picture(), visibility="secret"), 422, "VALIDATION_ERROR"),
        (upload_form(picture(), visibility="private"), 422, "VALIDATION_ERROR"),
        (upload_form(picture(), title="x" * 201), 422, "VALIDATION_ERROR"),
        (upload_form(picture(), title="gpj.\u202eexe"), 422, "VALIDATION_ERROR"),
        (upload_form(picture(), title="x" * 5000), 400, "INVALID_REQUEST"),
        ({"picture": "x"}, 400, "INVALID_REQUEST"),
        (b"", 400, "INVALID_REQUEST"),
    ],
    ids=[
        "empty file", "text as jpg", "three bytes", "truncated jpeg", "truncated png", "declared html", "bomb",
        "visibility", "private but nobody's", "long title", "steering title", "huge field", "no multipart", "no body",
    ],
)  # fmt: skip
async def test_what_is_no_picture_is_refused(service, nothing_stored, body, status, code):
    """With a clear error, and without a trace in storage or database."""
    assert await refused(service, body) == (status, code)
    async with service.get(f"{API}/images") as answer:
        assert (await answer.json())["items"] == []


async def test_a_form_without_the_file_is_refused(service, nothing_stored):
    """The error points at the field."""
    form = FormData({"picture": "x"}, default_to_multipart=True)
    async with service.post(f"{API}/images/upload", data=form) as answer:
        assert answer.status == 422
        assert (await answer.json())["errors"][0]["pointer"] == "/file"


async def test_a_body_that_breaks_off_is_refused(service, nothing_stored):
    """As when a client dies: no closing boundary."""
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + picture()
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with service.post(f"{API}/images/upload", data=body, headers=headers) as answer:
        assert (answer.status, (await answer.json())["code"]) == (400, "INVALID_REQUEST")


async def test_the_size_limit_is_exact(service, start_service):
    """The limit itself is welcome, one byte more is not."""
    data = picture("image/gif")
    service = await start_service(max_file_size_mb=len(data) / 1024 / 1024)
    assert (await upload(service, data))["file_size"] == len(data)
    assert await refused(service, upload_form(data + b"\0")) == (413, "FILE_TOO_LARGE")


async def test_a_large_body_is_refused_before_it_is_read(service):
    """Its announced length is enough; the body's source is never asked for all of it."""
    sent = 0

    async def endless():
        nonlocal sent
        for _ in range(4000):
            sent += 65536
            yield bytes(65536)

    headers = {
        "Content-Type": "multipart/form-data; boundary=x",
        "Content-Length": str(4000 * 65536),
        "Expect": "100-continue",
    }
    async with service.post(f"{API}/images/upload", data=endless(), headers=headers) as answer:
        assert answer.status == 413
    assert sent <= 65536


async def test_anonymous_uploads_can_be_switched_off(service, start_service, nothing_stored):
    """401 before a byte of the body is wanted."""
    service = await start_service(allow_anonymous_uploads=False)
    assert await refused(service, upload_form(picture())) == (401, "UNAUTHORIZED")


async def test_memory_is_bounded_by_a_chunk(service):
    """A 20 MB file never lies in memory."""
    data = noise((3000, 3000), "image/png")
    assert len(data) > 20_000_000, len(data)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        await upload(service, data)
        # The test's own client holds one copy while it sends.
        assert tracemalloc.get_traced_memory()[1] - before < 1.4 * len(data)
    finally:
        tracemalloc.stop()


async def test_the_same_user_gets_the_existing_picture(service):
    """200 instead of a second copy; somebody else gets a picture of his own."""
    ann, bob = await register(service), await register(service, "bob@example.com")
    first = await upload(service, token=ann)
    again = await upload(service, token=ann)
    others = await upload(service, token=bob)
    assert (again["id"], again["duplicate"], again["delete_token"]) == (first["id"], True, None)
    assert (others["id"] != first["id"], others["duplicate"]) == (True, False)


async def test_fields_may_come_after_the_file(service):
    """A form's order is nobody's business."""
    token = await register(service)
    form = upload_form(picture())
    form.add_field("visibility", "private")
    form.add_field("title", "  Sea  ")
    async with service.post(f"{API}/images/upload", data=form, headers={"Authorization": f"Bearer {token}"}) as answer:
        fields = await answer.json()
    assert (fields["visibility"], fields["title"]) == ("private", "Sea")


async def test_places_are_limited_and_given_back(service, start_service):
    """With one place, a slow upload makes the next one wait its turn or go away with Retry-After."""
    service = await start_service(upload_concurrency_limit=1, upload_concurrency_timeout=0.05)
    go_on = asyncio.Event()
    started = asyncio.Event()

    async def slow():
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        started.set()
        await go_on.wait()
        yield picture() + b"\r\n--x--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    first = asyncio.create_task(status_of(service, f"{API}/images/upload", method="POST", data=slow(), headers=headers))
    await started.wait()
    async with service.get("/health") as answer:
        while (await answer.json())["upload_concurrency"] != "1/1 active":
            answer = await service.get("/health")  # noqa: PLW2901  asked until the place is taken
    async with service.post(f"{API}/images/upload", data=upload_form(picture())) as answer:
        assert (answer.status, (await answer.json())["code"]) == (503, "SERVICE_UNAVAILABLE")
        assert int(answer.headers["Retry-After"]) > 0
    go_on.set()
    assert await first == 201
    await upload(service)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("LA", "image/png"),
        ("I;16", "image/png"),
        ("P", "image/gif"),
        ("1", "image/png"),
        ("CMYK", "image/jpeg"),
        ("L", "image/jpeg"),
    ],
)
async def test_every_colour_mode_gets_thumbnails(service, mode, kind):
    """Grey with alpha, 16 bits, palettes, one bit, CMYK."""
    plain = Image.linear_gradient("L").resize((700, 350))
    image = plain.convert("I").point(lambda v: v * 257).convert("I;16") if mode == "I;16" else plain.convert(mode)
    fields = await upload(service, encoded(image, kind))
    await thumbnails_ready(service, fields["id"])
    async with service.get(f"/t/{fields['short_id']}/300.webp") as answer:
        small = Image.open(io.BytesIO(await answer.read()))
    assert small.size == (300, 150)
    column = small.convert("L").crop((150, 0, 151, 150)).tobytes()
    top, bottom = column[2], column[147]
    assert (top < 40, bottom > 215) == (True, True), (top, bottom)


async def test_alpha_survives_in_webp_and_lies_on_white_in_jpeg(service):
    """Neither is black."""
    image = Image.new("RGBA", (200, 200), (255, 0, 0, 0))
    fields = await upload(service, encoded(image, "image/png"))
    await thumbnails_ready(service, fields["id"])
    async with service.get(f"/t/{fields['short_id']}/150.webp") as answer:
        alpha = Image.open(io.BytesIO(await answer.read())).convert("RGBA").getchannel("A")
    assert alpha.getpixel((75, 75)) == 0
    async with service.get(f"/t/{fields['short_id']}/150.jpg") as answer:
        assert Image.open(io.BytesIO(await answer.read())).getpixel((75, 75)) == (255, 255, 255)

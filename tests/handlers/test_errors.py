"""Every error is a problem that a program can read."""

import pytest

from chitram.domain.errors import ChitramError
from chitram.handlers.errors import STATUS, describe
from tests.api import API

FIELDS = {"type", "title", "status", "detail", "instance", "code", "details"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "NOT_FOUND"),
        ("GET", f"{API}/nowhere", 404, "NOT_FOUND"),
        ("GET", "/a%0Aline", 404, "NOT_FOUND"),
        ("PUT", f"{API}/images", 405, "METHOD_NOT_ALLOWED"),
        ("POST", f"{API}/auth/login", 400, "INVALID_REQUEST"),
    ],
)
async def test_the_framework_s_errors_look_like_ours(service, method, path, status, code):
    """404, 405 with Allow, an empty body."""
    async with service.request(method, path) as answer:
        problem = await answer.json()
        assert answer.content_type == "application/problem+json"
        assert (answer.status, problem["status"], problem["code"]) == (status, status, code)
        assert set(problem) == FIELDS
        assert problem["instance"] == answer.headers["X-Request-ID"]
        assert (status != 405) or answer.headers["Allow"]


async def test_a_body_that_is_too_large_is_413(service):
    """JSON is small."""
    async with service.post(f"{API}/auth/login", json={"email": "x" * 100_000, "password": ""}) as answer:
        assert answer.status == 413
        assert answer.content_type == "application/problem+json"


async def test_an_unexpected_error_tells_nothing(service, monkeypatch, logged):
    """500 with a number that leads to the log."""

    async def broken(*_args, **_options):
        raise RuntimeError("the secret text")

    monkeypatch.setattr("chitram.services.gallery.Gallery.public", broken)
    async with service.get(f"{API}/images") as answer:
        text = await answer.text()
    assert answer.status == 500
    assert "INTERNAL_ERROR" in text
    assert "secret" not in text
    [line] = logged.events("a request failed unexpectedly")
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert line["exception"][0]["exc_value"] == "the secret text"


async def test_a_request_id_is_kept_when_it_is_harmless(service):
    """A proxy's number goes through; anything else gets a new one."""
    for sent, kept in (("abc-12345678", True), ("<script>alert(1)</script>", False), ("x" * 65, False)):
        async with service.get("/health/live", headers={"X-Request-ID": sent}) as answer:
            assert (answer.headers["X-Request-ID"] == sent) is kept


async def test_every_answer_has_the_security_headers(service):
    """Pages, JSON, errors."""
    for path in ("/", f"{API}/images", "/nowhere"):
        async with service.get(path) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_every_error_has_a_status_and_a_code_of_its_own():
    """Found by the tree, so that none is forgotten."""

    def leaves(kind: type[ChitramError]) -> list[type[ChitramError]]:
        return [kind, *(leaf for child in kind.__subclasses__() for leaf in leaves(child))]

    for kind in leaves(ChitramError):
        assert any(ancestor in STATUS for ancestor in kind.__mro__)
    assert describe(ValueError("secret")).detail == ChitramError.default

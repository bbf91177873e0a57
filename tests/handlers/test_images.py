"""Reading, listing, changing and deleting images over HTTP."""

import asyncio
from pathlib import Path

import pytest

from chitram.domain.identifiers import new_image_id, short_id
from tests.api import API, bearer, register, show, status_of, thumbnails_ready, upload
from tests.pictures import noise, picture


async def test_an_image_shows_what_it_is_and_nothing_of_its_uploader(service):
    """The documented fields, and no token, hash or address."""
    fields = await upload(service, title="Harbour")
    status, shown, headers = await show(service, fields["id"])
    assert status == 200
    assert set(shown) == {
        "id", "short_id", "filename", "title", "content_type", "file_size", "sha256", "width", "height", "color",
        "visibility", "created_at", "updated_at", "url", "thumbnails", "thumbnail_ready", "thumbnail_url", "links",
    }  # fmt: skip
    assert shown["title"] == "Harbour"
    assert shown["visibility"] == "unlisted"
    assert shown["created_at"].endswith("Z")
    assert headers["X-Cache"] == "DISABLED"


async def test_both_ids_and_every_link_lead_to_it(service):
    """Whatever the answer links to works."""
    fields = await upload(service)
    await thumbnails_ready(service, fields["id"])
    fields = (await show(service, fields["short_id"]))[1]
    links = fields["links"]
    for path in (
        links["self"],
        links["file"],
        links["direct"],
        links["thumbnails"],
        fields["thumbnail_url"],
        links["page"],
    ):
        assert await status_of(service, path) == 200, path
        assert await status_of(service, path, method="HEAD") == 200, path
    async with service.get(links["thumbnails"]) as answer:
        for formats in (await answer.json())["thumbnails"].values():
            for path in formats.values():
                assert await status_of(service, path) == 200


@pytest.mark.parametrize("spelled", ["unknown uuid", "unknown short", "a\0b", "%00", "x" * 300, "..", "upload"])
async def test_an_unknown_id_is_404(service, spelled):
    """Whatever it looks like."""
    made = {"unknown uuid": new_image_id(), "unknown short": short_id(new_image_id())}
    spelled = made.get(spelled, spelled)
    async with service.get(f"{API}/images/{spelled}") as answer:
        assert answer.status == 404
        assert (await answer.json())["code"] in {"IMAGE_NOT_FOUND", "NOT_FOUND"}


async def test_a_thumbnail_that_is_not_there_yet_says_so(service, start_service, tmp_path: Path):
    """404 with a code of its own."""
    fields = await upload(service)
    await thumbnails_ready(service, fields["id"])
    for path in (tmp_path / "blobs" / "thumbnails").rglob("*.*"):
        path.unlink()
    async with service.get(f"{API}/images/{fields['id']}/thumbnail") as answer:
        assert (answer.status, (await answer.json())["code"]) == (404, "THUMBNAIL_NOT_READY")
        assert answer.headers["Cache-Control"] == "no-store"
    assert await status_of(service, f"{API}/images/{fields['id']}/thumbnail/299") == 404


async def test_an_unchanged_answer_is_304(service):
    """For the metadata, the file and the thumbnails."""
    fields = await upload(service)
    await thumbnails_ready(service, fields["id"])
    for path in (f"{API}/images/{fields['id']}", fields["url"], f"/t/{fields['short_id']}/150.webp"):
        async with service.get(path) as answer:
            etag = answer.headers["ETag"]
        for sent in (etag, f'"other", W/{etag}', "*"):
            assert await status_of(service, path, headers={"If-None-Match": sent}) == 304
        assert await status_of(service, path, headers={"If-None-Match": '"other"'}) == 200


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-99", 0, 100),
        ("bytes=100-", 100, None),
        ("bytes=-50", -50, None),
        ("bytes=10-10", 10, 11),
        ("bytes=0-99999999", 0, None),
    ],
)
async def test_a_range_of_the_file(service, asked, start, stop):
    """206 with exactly those bytes, also of a file larger than one chunk."""
    data = noise((900, 900), "image/png")
    assert len(data) > 600_000
    fields = await upload(service, data)
    async with service.get(fields["url"], headers={"Range": asked}) as answer:
        body = await answer.read()
        assert body == data[start:stop]
        whole = len(body) == len(data)
        assert answer.status == (200 if whole else 206)
        assert whole or answer.headers["Content-Range"].endswith(f"/{len(data)}")


async def test_a_range_that_cannot_be_given(service):
    """Beyond the end is 416 with the length; nonsense and several ranges mean the whole file."""
    fields = await upload(service)
    size = fields["file_size"]
    async with service.get(fields["url"], headers={"Range": f"bytes={size}-"}) as answer:
        assert (answer.status, answer.headers["Content-Range"]) == (416, f"bytes */{size}")
    for asked in ("bytes=9-3", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b"):
        async with service.get(fields["url"], headers={"Range": asked}) as answer:
            assert (answer.status, len(await answer.read())) == (200, size)


async def test_if_range_of_another_version_means_the_whole(service):
    """So that a resumed download never glues two files together."""
    fields = await upload(service)
    right, wrong = f'"{fields["sha256"]}"', '"other"'
    assert await status_of(service, fields["url"], headers={"Range": "bytes=0-9", "If-Range": right}) == 206
    assert await status_of(service, fields["url"], headers={"Range": "bytes=0-9", "If-Range": wrong}) == 200


async def test_how_long_others_may_keep_a_file_follows_its_visibility(service):
    """A shared cache may keep only what is public, and that for a minute."""
    token = await register(service)
    kept = {}
    for number, visibility in enumerate(("public", "unlisted", "private")):
        fields = await upload(service, picture(seed=number), visibility=visibility, token=token)
        async with service.get(fields["url"], headers=bearer(token)) as answer:
            kept[visibility] = answer.headers["Cache-Control"]
    assert "s-maxage=60" in kept["public"]
    assert kept["unlisted"].startswith("private")
    assert kept["private"] == "private, no-cache"


async def test_a_private_image_is_missing_for_others(service):
    """Bytes, metadata, thumbnails, change and delete: the very answer for an id that does not exist."""
    ann, bob = await register(service), await register(service, "bob@example.com")
    fields = await upload(service, visibility="private", token=ann)
    resource = f"{API}/images/{fields['id']}"
    paths = [resource, f"{resource}/file", f"{resource}/thumbnail", f"{resource}/thumbnails", fields["links"]["direct"]]
    for token in (None, bob):
        for path in paths:
            assert await status_of(service, path, token=token) == 404, path
        assert await status_of(service, resource, method="PATCH", json={"title": "x"}, token=token) == 404
        assert await status_of(service, resource, method="DELETE", token=token) == 404
    assert await status_of(service, resource, token=ann) == 200


async def test_a_private_answer_is_the_same_as_a_missing_one(service):
    """But for the request's own number."""
    token = await register(service)
    fields = await upload(service, visibility="private", token=token)
    _, private, _ = await show(service, fields["id"])
    _, missing, _ = await show(service, new_image_id())
    assert private | {"instance": ""} == missing | {"instance": ""}


async def test_the_owner_changes_title_and_visibility(service):
    """And everybody sees it at once."""
    token = await register(service)
    fields = await upload(service, token=token)
    resource = f"{API}/images/{fields['id']}"
    change = {"title": " Evening ", "visibility": "public"}
    async with service.patch(resource, json=change, headers=bearer(token)) as answer:
        assert answer.status == 200
        changed = await answer.json()
    assert (changed["title"], changed["visibility"]) == ("Evening", "public")
    assert changed["updated_at"] > fields["updated_at"]
    assert (await show(service, fields["id"]))[1] == changed


@pytest.mark.parametrize(
    "change",
    [
        {"title": ""},
        {"title": "   "},
        {"title": "x" * 201},
        {"title": "a\0b"},
        {"visibility": "hidden"},
        {"owner": "me"},
        [],
        "x",
    ],
)
async def test_a_bad_change_is_refused_and_changes_nothing(service, change):
    """422, naming the field and never the value."""
    token = await register(service)
    fields = await upload(service, token=token)
    resource = f"{API}/images/{fields['id']}"
    async with service.patch(resource, json=change, headers=bearer(token)) as answer:
        assert (answer.status, (await answer.json())["code"]) == (422, "VALIDATION_ERROR")
    assert (await show(service, fields["id"]))[1]["updated_at"] == fields["updated_at"]


async def test_a_change_of_an_old_version_is_412(service):
    """Two editors do not overwrite each other."""
    token = await register(service)
    fields = await upload(service, token=token)
    resource = f"{API}/images/{fields['id']}"
    await thumbnails_ready(service, fields["id"])
    etag = (await show(service, fields["id"]))[2]["Etag"]
    headers = {"If-Match": etag}
    assert await status_of(service, resource, method="PATCH", json={"title": "1"}, token=token, headers=headers) == 200
    assert await status_of(service, resource, method="PATCH", json={"title": "2"}, token=token, headers=headers) == 412
    assert (await show(service, fields["id"]))[1]["title"] == "1"


async def test_others_may_not_change_an_owned_image(service):
    """401 for nobody, 403 for somebody else; the same for deleting."""
    ann, bob = await register(service), await register(service, "bob@example.com")
    resource = f"{API}/images/{(await upload(service, token=ann))['id']}"
    for token, status in ((None, 401), (bob, 403)):
        assert await status_of(service, resource, method="PATCH", json={"title": "x"}, token=token) == status
        assert await status_of(service, resource, method="DELETE", token=token) == status


async def test_a_delete_leaves_nothing(service, tmp_path: Path):
    """Neither metadata nor bytes nor thumbnails, under any address, nor a file on the disk."""
    token = await register(service)
    fields = await upload(service, token=token)
    await thumbnails_ready(service, fields["id"])
    resource = f"{API}/images/{fields['id']}"
    assert await status_of(service, resource, method="DELETE", token=token) == 204
    for path in (
        resource,
        f"{resource}/file",
        f"{resource}/thumbnail",
        fields["links"]["direct"],
        fields["links"]["page"],
    ):
        assert await status_of(service, path, token=token) == 404
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []
    assert await status_of(service, resource, method="DELETE", token=token) == 404


async def test_an_anonymous_image_goes_by_its_token(service):
    """As a header, in the body or in the query; without it or with another, 403."""
    for number, how in enumerate(("headers", "json", "params")):
        fields = await upload(service, picture(seed=number))
        resource, token = f"{API}/images/{fields['id']}", fields["delete_token"]
        name = "X-Delete-Token" if how == "headers" else "delete_token"
        async with service.delete(resource) as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "DELETE_TOKEN_REQUIRED")
        async with service.delete(resource, **{how: {name: token[:-1] + "!"}}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (403, "INVALID_DELETE_TOKEN")
        async with service.delete(resource, **{how: {name: token}}) as answer:
            assert answer.status == 204
        assert await status_of(service, resource) == 404


async def test_two_deletes_at_once_are_one(service):
    """One wins, the other finds nothing; neither fails."""
    token = await register(service)
    resource = f"{API}/images/{(await upload(service, token=token))['id']}"
    results = await asyncio.gather(*(status_of(service, resource, method="DELETE", token=token) for _ in range(5)))
    assert sorted(results) == [204, 404, 404, 404, 404]


async def test_only_public_images_are_in_the_gallery(service):
    """The owner's list has them all; nobody's list has those of others."""
    ann, bob = await register(service), await register(service, "bob@example.com")
    for number, visibility in enumerate(("public", "unlisted", "private")):
        await upload(service, picture(seed=number), visibility=visibility, token=ann)
    async with service.get(f"{API}/images", headers=bearer(ann)) as answer:
        assert [item["visibility"] for item in (await answer.json())["items"]] == ["public"]
    async with service.get(f"{API}/users/me/images", headers=bearer(ann)) as answer:
        assert [item["visibility"] for item in (await answer.json())["items"]] == ["private", "unlisted", "public"]
    async with service.get(f"{API}/users/me/images", headers=bearer(bob)) as answer:
        assert (await answer.json())["items"] == []
    assert await status_of(service, f"{API}/users/me/images") == 401


async def test_pages_are_stable_while_pictures_arrive(service):
    """Following the cursors shows each picture that was there once, newest first."""
    ids = [(await upload(service, picture(seed=n), visibility="public"))["id"] for n in range(7)]
    seen: list[str] = []
    url: str | None = f"{API}/images?limit=3"
    while url:
        async with service.get(url) as answer:
            page = await answer.json()
            seen += [item["id"] for item in page["items"]]
            link = answer.links.get("next")
            assert bool(link) == bool(page["next_cursor"])
            url = str(link["url"].relative()) if link else None
        await upload(service, picture(seed=100 + len(seen)), visibility="public")
    assert seen == ids[::-1]


async def test_a_list_can_be_asked_for_one_file(service):
    """By its digest: how an import knows what is there."""
    token = await register(service)
    fields = await upload(service, token=token)
    for sha256, found in ((fields["sha256"], 1), ("0" * 64, 0)):
        async with service.get(f"{API}/users/me/images", params={"sha256": sha256}, headers=bearer(token)) as answer:
            assert len((await answer.json())["items"]) == found


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=101", "cursor=x", "cursor=%00", "cursor=YWJj"])
async def test_a_bad_page_is_422(service, query):
    """With the parameter's name."""
    async with service.get(f"{API}/images?{query}") as answer:
        problem = await answer.json()
        assert (answer.status, problem["code"]) == (422, "VALIDATION_ERROR")
        assert problem["errors"][0]["pointer"] == "/" + query.partition("=")[0]

"""Uploading through the pages, with and without JavaScript."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.archives import unpacked
from tests.browser.account import register, upload_by_form
from tests.browser.conftest import NewPage, Watched
from tests.browser.held import Held
from tests.browser.site import Site

pytestmark = pytest.mark.browser
TOKEN_SENTENCE = "Save this token! It's the only way to delete this image."
UPLOADS = "**/api/v1/images/upload"

Picture = Callable[..., Path]


def transfer(page: Page, path: Path, kind: str = "image/jpeg"):
    """The file as a drag or a paste carries it."""
    given = {"data": base64.b64encode(path.read_bytes()).decode(), "name": path.name, "kind": kind}
    return page.evaluate_handle(
        """async ({data, name, kind}) => {
            const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], name, {type: kind}));
            return transfer;
        }""",
        given,
    )


def drop(page: Page, path: Path, target: str = "body") -> None:
    """Drop a file, as somebody dragging it from a folder does."""
    data = transfer(page, path)
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event(target, event, {"dataTransfer": data})


@pytest.mark.parametrize("address", ["/", "/upload", "/login"])
def test_a_picture_dropped_anywhere_is_uploaded(page: Page, picture: Picture, address: str) -> None:
    """Every page takes a drop; the row shows the picture's name, its link and, for a stranger, the delete token."""
    page.goto(address)
    drop(page, picture("holiday.jpg"))
    row = page.locator(".job")
    expect(row).to_have_attribute("data-state", "done")
    expect(row).to_contain_text("holiday.jpg")
    expect(row.get_by_text(TOKEN_SENTENCE)).to_be_visible()
    link = row.get_by_role("link", name="View").get_attribute("href")
    expect(row.get_by_label("URL link")).to_have_value(re.compile(f"^http://.*{link}$"))


def test_the_drop_zone_shows_that_it_would_take_the_file(page: Page, picture: Picture) -> None:
    """While a file hovers over the page the zone is lit, and no longer after it left."""
    page.goto("/upload")
    data = transfer(page, picture())
    page.dispatch_event("body", "dragenter", {"dataTransfer": data})
    expect(page.locator("body")).to_have_class("dragging")
    page.dispatch_event("body", "dragleave", {"dataTransfer": data})
    expect(page.locator("body")).not_to_have_class("dragging")


def test_a_pasted_picture_is_uploaded_unless_somebody_types(page: Page, picture: Picture) -> None:
    """Pasting on the page uploads; pasting into a field does what it does everywhere."""
    page.goto("/login")
    data = transfer(page, picture())
    paste = (
        "(element, data) => element.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))"
    )
    page.locator("#f-email").evaluate(paste, data)
    expect(page.locator(".job")).to_have_count(0)
    page.locator("h1").evaluate(paste, data)
    expect(page.locator(".job")).to_have_attribute("data-state", "done")


def test_a_picture_dragged_from_the_page_itself_is_not_uploaded(page: Page, picture: Picture) -> None:
    """Browsers put a file into such a drag; letting it go somewhere on the page means nothing."""
    page.goto("/")
    page.dispatch_event("#gallery img >> nth=0", "dragstart")
    drop(page, picture())
    page.dispatch_event("#gallery img >> nth=0", "dragend")
    expect(page.locator(".job")).to_have_count(0)
    drop(page, picture())
    expect(page.locator(".job")).to_have_attribute("data-state", "done")


def test_many_files_go_three_at_a_time(page: Page, picture: Picture) -> None:
    """With seven files chosen three requests run while four rows wait their turn; in the end all have arrived."""
    held = Held(page, UPLOADS)
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files([str(picture(f"{n}.jpg")) for n in range(7)])
    expect(page.locator(".job[data-state=queued]")).to_have_count(4)
    expect(page.locator(".job:is([data-state=uploading], [data-state=processing])")).to_have_count(3)
    assert len(held.routes) <= 3
    held.release()
    expect(page.get_by_text("7 of 7 uploaded")).to_be_visible()


def test_what_cannot_be_taken_is_refused_in_its_row_and_the_rest_goes_on(
    page: Page, picture: Picture, tmp_path: Path, watched: Watched
) -> None:
    """A text file, an empty file and text named .jpg each get their reason; the picture between them is uploaded."""
    watched.expected = {"415"}
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "text.jpg").write_text("this is not a picture")
    page.goto("/upload")
    names = ("notes.txt", "empty.jpg", "text.jpg")
    page.locator("[data-picker]").set_input_files([*(str(tmp_path / name) for name in names), str(picture())])
    expect(page.locator(".job[data-state=done]")).to_have_count(1)
    expect(page.locator(".job[data-state=refused]")).to_have_count(3)
    expect(page.locator(".job", has_text="notes.txt")).to_contain_text("Not a picture")
    expect(page.locator(".job", has_text="empty.jpg")).to_contain_text("The file is empty")
    expect(page.locator(".job", has_text="text.jpg")).to_contain_text("not a picture")
    expect(page.get_by_text("1 of 4 uploaded, 3 not")).to_be_visible()


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_waited_for(page: Page, picture: Picture, watched: Watched, status: int) -> None:
    """After 429 or 503 the queue counts down the seconds that the server asked for, and goes on by itself."""
    watched.expected = {str(status)}
    answers = iter([status])

    def busy_once(route: Route) -> None:
        if next(answers, None):
            route.fulfill(status=status, headers={"Retry-After": "1"}, body=json.dumps({"detail": "busy"}))
        else:
            route.continue_()

    page.route(UPLOADS, busy_once)
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files(str(picture()))
    expect(page.locator(".job")).to_contain_text("Trying again in 1 s")
    expect(page.locator(".job")).to_have_attribute("data-state", "done")


def test_an_account_that_is_full_is_told_so_in_the_row(
    page: Page, picture: Picture, watched: Watched, site: Site
) -> None:
    """With what is used and allowed; trying again would not help, so the row does not offer it."""
    watched.expected = {"507"}
    site.allow(register(page), 1024)
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files(str(picture()))
    expect(page.locator(".job")).to_have_attribute("data-state", "refused")
    expect(page.locator(".job")).to_contain_text("0 bytes of the 1 KB")
    expect(page.get_by_role("button", name="Try")).to_have_count(0)


def test_all_of_ones_pictures_are_a_download(page: Page, picture: Picture, tmp_path: Path) -> None:
    """One click, one file."""
    register(page)
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files(str(picture("storm.jpg")))
    expect(page.locator(".job")).to_have_attribute("data-state", "done")
    page.goto("/my-images")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all").click()
    assert download.value.suggested_filename.startswith("chitram-20")
    found = unpacked(download.value.path().read_bytes(), tmp_path)
    assert [name.partition("-")[0] for name in found.files] == ["pictures/storm"]


def test_an_upload_that_loses_the_network_goes_on_when_it_is_back(
    page: Page, picture: Picture, watched: Watched
) -> None:
    """Offline, a row says so and waits; back online it uploads without a click."""
    watched.expected = {"ERR_INTERNET_DISCONNECTED"}
    page.goto("/upload")
    page.context.set_offline(True)
    page.locator("[data-picker]").set_input_files(str(picture()))
    expect(page.locator(".job")).to_contain_text("You are offline")
    page.context.set_offline(False)
    expect(page.locator(".job")).to_have_attribute("data-state", "done")


def test_a_broken_upload_can_be_tried_again(page: Page, picture: Picture, watched: Watched) -> None:
    """After a server's error the row offers to try again, and that works."""
    watched.expected = {"500"}
    answers = iter([500])
    page.route(UPLOADS, lambda route: route.fulfill(status=500) if next(answers, None) else route.continue_())
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files(str(picture("storm.jpg")))
    page.get_by_role("button", name="Try storm.jpg again").click()
    expect(page.locator(".job")).to_have_attribute("data-state", "done")


def test_the_same_picture_again_is_recognised(page: Page, picture: Picture) -> None:
    """Somebody who uploads a picture twice is led to the first one."""
    register(page)
    page.goto("/upload")
    path = str(picture())
    page.locator("[data-picker]").set_input_files(path)
    expect(page.locator(".job")).to_have_attribute("data-state", "done")
    page.locator("[data-picker]").set_input_files(path)
    expect(page.locator(".job").nth(1)).to_have_attribute("data-state", "duplicate")
    expect(page.get_by_text(TOKEN_SENTENCE)).to_have_count(0)


def test_the_delete_token_can_be_saved_and_deletes(page: Page, picture: Picture, site: Site) -> None:
    """The file that is offered for download holds the token, and with it the picture's page deletes the picture."""
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files(str(picture()))
    with page.expect_download() as saving:
        page.get_by_role("button", name="Download .txt").click()
    token = saving.value.path().read_text().strip()
    assert len(token) == 43
    page.get_by_role("link", name="View").click()
    page.wait_for_url("**/i/*")
    short_id = page.url.rpartition("/")[2]
    page.get_by_text("Delete with its token").click()
    page.get_by_label("Delete token").fill(token)
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("The picture is gone.")).to_be_visible()
    assert site.image(short_id) is None


def test_the_tokens_of_many_pictures_are_saved_at_once(page: Page, picture: Picture) -> None:
    """One file with a line for each: name, address, token."""
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files([str(picture("one.jpg")), str(picture("two.jpg"))])
    with page.expect_download() as saving:
        page.get_by_role("button", name="Save all tokens").click()
    lines = [line.split("\t") for line in saving.value.path().read_text().splitlines()]
    assert [name for name, _, _ in lines] == ["one.jpg", "two.jpg"]
    assert all("/i/" in address and len(token) == 43 for _, address, token in lines)


def test_copying_a_format_puts_it_on_the_clipboard(new_page: NewPage, picture: Picture) -> None:
    """Choosing Markdown and pressing Copy copies an image in Markdown."""
    page = new_page(permissions=["clipboard-read", "clipboard-write"])
    page.goto("/upload")
    page.locator("[data-picker]").set_input_files(str(picture("tea.jpg")))
    page.get_by_label("Markdown", exact=True).check()
    page.locator(".job [data-format=markdown] [data-copy]").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("![tea](http://")
    assert copied.endswith(".jpg)")


def test_without_javascript_a_stranger_uploads_and_sees_the_token_once(plain_page: Page, picture: Picture) -> None:
    """The plain form answers with links and the delete token; the picture's page does not show it again."""
    upload_by_form(plain_page, picture("plain.jpg"))
    expect(plain_page.get_by_role("heading", name="Your picture is here")).to_be_visible()
    expect(plain_page.get_by_text(TOKEN_SENTENCE)).to_be_visible()
    token = plain_page.locator("#token").inner_text()
    plain_page.get_by_role("link", name="View the picture").click()
    expect(plain_page.get_by_role("heading", name="plain")).to_be_visible()
    assert token not in plain_page.content()


def test_without_javascript_a_refused_file_is_explained_in_the_form(
    plain_page: Page, tmp_path: Path, watched: Watched
) -> None:
    """Text named .jpg brings the form back with the reason."""
    watched.expected = {"415"}
    (tmp_path / "text.jpg").write_text("this is not a picture")
    upload_by_form(plain_page, tmp_path / "text.jpg")
    expect(plain_page.get_by_role("alert")).to_contain_text("not a picture that can be read")
    expect(plain_page.get_by_label("Picture file")).to_be_visible()


def test_without_javascript_a_file_that_is_too_big_is_explained_in_the_form(
    plain_page: Page, picture: Picture, watched: Watched
) -> None:
    """The answer reaches the browser although most of the file was never read."""
    watched.expected = {"413"}
    path = picture()
    with path.open("ab") as file:
        file.truncate(30 * 1024 * 1024)
    upload_by_form(plain_page, path)
    expect(plain_page.get_by_role("alert")).to_contain_text("larger than 25 MB")

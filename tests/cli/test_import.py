"""`chitram import`: everything in a folder, once, whatever happens in between."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from chitram.cli.bulk.journal import Journal
from tests.api import API
from tests.cli.stack import fetch, post, request
from tests.pictures import bomb, picture
from tests.servers.command import Chitram, Running

PASSWORD = "correct horse battery"


@pytest.fixture
def url(chitram: Chitram, data: Path) -> str:
    """A running service, uncached."""
    return chitram("up", "--port", 0, "--data", data, "--nodes", 0).wait_for("ready ")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with five different pictures, some of them deeper."""
    folder = tmp_path / "pictures"
    (folder / "deep" / "deeper").mkdir(parents=True)
    for seed, name in enumerate(("a.png", "చిత్రం.png", 'deep/quo"te.png', "deep/d.PNG", "deep/deeper/e.png")):
        (folder / name).write_bytes(picture(seed=seed))
    return folder


def summary(running: Running) -> dict[str, Any]:
    """What `--json` printed."""
    running.wait()
    fields: dict[str, Any] = json.loads("\n".join(running.lines))
    return fields


def test_everything_is_uploaded_byte_for_byte(chitram: Chitram, url: str, pictures: Path):
    """Under the names that the files have."""
    done = summary(chitram("import", pictures, "--url", url, "--json"))
    assert len(done["uploaded"]) == 5
    for entry in done["uploaded"]:
        fields = json.loads(fetch(f"{url}{API}/images/{entry['id']}")[0])
        assert fields["visibility"] == "unlisted"
        assert fields["filename"] == Path(entry["path"]).name
        assert fetch(url + fields["url"])[0] == Path(entry["path"]).read_bytes()


def test_a_second_run_uploads_nothing(chitram: Chitram, url: str, pictures: Path):
    """Nor does a copy under another name."""
    assert chitram("import", pictures, "--url", url).wait() == 0
    (pictures / "copy.png").write_bytes((pictures / "a.png").read_bytes())
    again = chitram("import", pictures, "--url", url)
    assert again.wait() == 0
    assert "uploaded 0 · already there 6 · refused 0" in again.lines


def test_two_copies_in_one_run_become_one_image(chitram: Chitram, url: str, pictures: Path):
    """Though they are met at the same time."""
    for number in range(5):
        (pictures / f"copy{number}.png").write_bytes((pictures / "a.png").read_bytes())
    done = summary(chitram("import", pictures, "--url", url, "--jobs", 8, "--json"))
    assert (len(done["uploaded"]), len(done["already_there"])) == (5, 5)


def test_what_was_deleted_on_the_server_is_uploaded_again(chitram: Chitram, url: str, pictures: Path):
    """A journal's entry counts only while the image exists; and it holds what is needed to delete it."""
    done = summary(chitram("import", pictures, "--url", url, "--json"))
    journal = Path(done["journal"])
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600
    gone = entries[0]
    request("DELETE", f"{url}{API}/images/{gone['id']}", headers={"X-Delete-Token": gone["delete_token"]})
    again = summary(chitram("import", pictures, "--url", url, "--json"))
    assert [entry["path"] for entry in again["uploaded"]] == [gone["path"]]
    assert len(again["already_there"]) == 4


def test_what_is_refused_is_said_with_its_reason_and_stops_nothing(chitram: Chitram, url: str, pictures: Path):
    """Grouped by the problem's code; the exit code says that something is missing."""
    (pictures / "text.jpg").write_text("not a picture")
    (pictures / "other.jpg").write_text("nor this")
    (pictures / "empty.gif").touch()
    (pictures / "bomb.png").write_bytes(bomb())
    (pictures / "dangling.png").symlink_to("nowhere.png")
    run = chitram("import", pictures, pictures / "absent", "--url", url)
    assert run.wait() == 1
    said = "\n".join(run.lines)
    assert "uploaded 5 · already there 0 · refused 6" in run.lines
    format_group = said.partition("refused, INVALID_FILE_FORMAT: ")[2].partition("refused, ")[0]
    assert f"  {pictures}/other.jpg\n  {pictures}/text.jpg" in _sorted_lines(format_group)
    for code in ("IMAGE_TOO_MANY_PIXELS", "INVALID_REQUEST", "UNREADABLE"):
        assert f"refused, {code}:" in said
    assert f"  {pictures}/absent: no such file or folder" in run.lines


def _sorted_lines(text: str) -> str:
    return "\n".join(sorted(text.splitlines()))


def test_what_is_passed_over_is_counted(chitram: Chitram, url: str, pictures: Path):
    """Hidden files, other files, and folders that lead back to themselves; none of it is an error."""
    (pictures / ".hidden.png").touch()
    (pictures / "notes.txt").touch()
    (pictures / "deep" / "loop").symlink_to("..")
    run = chitram("import", pictures, "--url", url)
    assert run.wait() == 0
    assert "passed over: 1 folder met before, 1 hidden, 1 not named like a picture" in run.lines


def test_a_file_that_is_named_itself_is_taken_whatever_its_name(chitram: Chitram, url: str, tmp_path: Path):
    """The server judges by content."""
    (tmp_path / ".scan.dat").write_bytes(picture())
    assert chitram("import", tmp_path / ".scan.dat", "--url", url).wait() == 0


def test_with_an_account_the_server_is_asked(chitram: Chitram, url: str, pictures: Path):
    """No journal is needed; private pictures are private."""
    post(f"{url}{API}/auth/register", {"email": "ann@example.com", "password": PASSWORD})
    account = ("--email", "ann@example.com", "--visibility", "private", "--url", url, "--json")
    environ = {"CHITRAM_PASSWORD": PASSWORD}
    done = summary(chitram("import", pictures, *account, environ=environ))
    assert (len(done["uploaded"]), done["journal"]) == (5, None)
    again = summary(chitram("import", pictures, *account, environ=environ))
    assert (len(again["uploaded"]), len(again["already_there"])) == (0, 5)
    assert request("GET", f"{url}{API}/images/{done['uploaded'][0]['id']}") == 404


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--visibility", "private"], (2, "private pictures need an account: add --email or --token")),
        (["--email", "ann@example.com"], (2, "set CHITRAM_PASSWORD")),
        (["--token", "wrong"], (1, "cannot sign in: ")),
        (["--url", "http://127.0.0.1:1"], (1, "nobody answers at http://127.0.0.1:1: start `chitram up`")),
    ],
)
def test_what_cannot_begin_is_one_sentence(chitram: Chitram, url: str, arguments: list[str], told: tuple[int, str]):
    """Before any file is touched."""
    run = chitram("import", "--url", url, *arguments, "pictures")
    assert run.wait() == told[0]
    assert told[1] in run.errors
    assert "Traceback" not in run.errors


def test_an_interrupted_run_ends_with_its_summary_and_the_next_goes_on(chitram: Chitram, url: str, tmp_path: Path):
    """Nothing is uploaded twice, nothing is left out."""
    folder = tmp_path / "many"
    folder.mkdir()
    for seed in range(120):
        (folder / f"{seed:03}.png").write_bytes(picture(seed=seed))
    run = chitram("import", folder, "--url", url, "--jobs", 2)
    run.wait_for("uploaded ")
    run.interrupt()
    assert run.wait() == 130
    assert run.lines[-1] == "interrupted: run the same command again to go on"
    first = next(int(line.split()[1]) for line in run.lines if " · already there " in line)
    assert 0 < first < 120
    again = summary(chitram("import", folder, "--url", url, "--json"))
    assert (len(again["uploaded"]), len(again["already_there"])) == (120 - first, first)


def test_a_killed_run_loses_no_delete_token(chitram: Chitram, url: str, tmp_path: Path):
    """Every picture on the server is in the journal, but for those that were under way."""
    folder = tmp_path / "many"
    folder.mkdir()
    for seed in range(60):
        (folder / f"{seed:03}.png").write_bytes(picture(seed=seed))
    run = chitram("import", folder, "--url", url, "--jobs", 1, "--visibility", "public")
    for _ in range(10):
        run.wait_for("uploaded ")
    run.child.kill()
    run.wait()
    listed = json.loads(fetch(f"{url}{API}/images?limit=100")[0])["items"]
    journal = tmp_path / "home" / ".local" / "state" / "chitram" / "imports"
    [path] = journal.iterdir()
    written = {json.loads(line)["id"] for line in path.read_text().splitlines()}
    assert len(written) >= 10
    assert len({image["id"] for image in listed} - written) <= 1
    assert written <= {image["id"] for image in listed}


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path: Path):
    """The machine lost its power while it was written."""
    path = tmp_path / "journal.jsonl"
    path.write_text('{"sha256": "aa", "id": "1", "delete_token": "t"}\n{"sha256": "bb", "id"')
    journal = Journal(path)
    journal.prepare()
    journal.add("cc", Path("c.png"), {"id": "3", "delete_token": "u"})
    again = Journal(path)
    assert [again.ids(sha256) for sha256 in ("aa", "bb", "cc")] == [["1"], [], ["3"]]


def test_what_has_no_room_in_the_account_is_refused_and_named(chitram: Chitram, data: Path, pictures: Path):
    """With what is used and allowed; what is there already costs nothing when the same command runs again."""
    for seed, path in enumerate(sorted(path for path in pictures.rglob("*") if path.is_file())):
        path.write_bytes(picture(seed=seed, size=(320, 240)))
    environ = {"USER_QUOTA_MB": str(3.5 * len(picture(size=(320, 240))) / 1024**2)}
    url = chitram("up", "--port", 0, "--data", data, "--nodes", 0, environ=environ).wait_for("ready ")
    token = post(f"{url}{API}/auth/register", {"email": "ann@example.com", "password": PASSWORD})["access_token"]
    arguments = ("import", pictures, "--url", url, "--token", token, "--jobs", 1)
    first = summary(chitram(*arguments, "--json"))
    assert len(first["uploaded"]) == 3
    assert {(one["code"], "fit in" in one["detail"]) for one in first["refused"]} == {("QUOTA_EXCEEDED", True)}
    again = chitram(*arguments)
    assert again.wait() == 1
    assert "uploaded 0 · already there 3 · refused 2" in again.lines

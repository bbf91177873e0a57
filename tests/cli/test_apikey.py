"""`chitram apikey` on a real database, and a key's whole life between processes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from chitram.cli import main
from tests.api import API, api_key, register, status_of
from tests.cli.commands import Commands
from tests.cli.stack import post
from tests.pictures import picture
from tests.servers.command import Chitram
from tests.servers.curl import Curl

ANN = ("--user", "Ann@example.com")


@pytest.fixture
def chitram_here(own_settings) -> Commands:
    """Commands on the service's database."""
    return Commands(own_settings)


async def test_a_key_is_printed_alone_so_that_a_script_can_take_it(service, chitram_here):
    """What else there is to say goes to stderr; the service takes it at once."""
    await register(service)
    made = await chitram_here("apikey", "create", *ANN, "--name", "laptop", "--scope", "read", "--days", "90")
    assert made.exit_code == 0
    key = made.stdout.strip()
    assert key.startswith("ctm_")
    assert key not in made.stderr
    assert "nobody can show it again" in made.stderr
    assert await status_of(service, f"{API}/users/me", token=key) == 200
    fields = await chitram_here.json("apikey", "create", *ANN, "--name", "ci", "--scope", "upload", "--scope", "read")
    assert await status_of(service, f"{API}/users/me", token=fields["key"]) == 200
    assert (fields["user"], fields["name"], fields["scopes"]) == ("ann@example.com", "ci", ["upload", "read"])
    assert fields["expires_at"] is None


async def test_list_shows_whose_keys_there_are_and_no_secret(service, chitram_here):
    """Everybody's or one account's, for people and for programs."""
    assert "there is no API key" in (await chitram_here("apikey", "list")).output
    secrets = []
    for email in ("ann@example.com", "bob@example.com"):
        token = await register(service, email)
        secrets.append((await api_key(service, token, "read", "upload", name="laptop"))["key"])
    lines = (await chitram_here("apikey", "list")).output.splitlines()
    assert [line.split()[:3] for line in lines[1:]] == [
        ["ann@example.com", "laptop", "upload,read"],
        ["bob@example.com", "laptop", "upload,read"],
    ]
    listed = await chitram_here.json("apikey", "list", *ANN)
    assert [(key["user"], key["last_used_at"]) for key in listed["keys"]] == [("ann@example.com", None)]
    for text in ("\n".join(lines), json.dumps(listed)):
        assert not [secret for secret in secrets if secret[4:16] in text]


async def test_revoke_takes_one_key_or_all_of_an_account(service, chitram_here):
    """Says first what it will do, and does nothing without a yes."""
    token = await register(service)
    keys = [(await api_key(service, token, "read", name=name))["key"] for name in ("a", "b", "c")]

    async def statuses() -> list[int]:
        return [await status_of(service, f"{API}/users/me", token=key) for key in keys]

    asked = await chitram_here("apikey", "revoke", *ANN, "--name", "a")
    assert (asked.exit_code, "will be refused" in asked.output, await statuses()) == (2, True, [200, 200, 200])
    assert (await chitram_here.json("apikey", "revoke", *ANN, "--name", "a", "--yes"))["revoked"] == ["a"]
    assert await statuses() == [401, 200, 200]
    rest = await chitram_here("apikey", "revoke", *ANN, "--all", "--yes")
    assert "2 keys of ann@example.com revoked" in rest.stdout
    assert await statuses() == [401, 401, 401]
    none = await chitram_here("apikey", "revoke", *ANN, "--all")
    assert (none.exit_code, "0 keys" in none.output, "will be" in none.output) == (0, True, False)
    for who, name in (("ann@example.com", "gone"), ("eve@example.com", "a")):
        gone = await chitram_here("apikey", "revoke", "--user", who, "--name", name, "--yes")
        assert (gone.exit_code, "will be" in gone.output) == (1, False)


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("create", "--user", "eve@example.com", "--name", "x", "--scope", "read"), 1, "no account eve@example.com"),
        (("create", *ANN, "--name", " ", "--scope", "read"), 2, "Use 1 to 100 characters"),
        (("create", *ANN, "--name", "x"), 2, "--scope"),
        (("create", *ANN, "--name", "x", "--scope", "write"), 2, "upload"),
        (("create", *ANN, "--name", "x", "--scope", "admin"), 2, "administrators alone"),
        (("create", *ANN, "--name", "x", "--scope", "read", "--days", "0"), 2, "--days"),
        (("create", *ANN, "--name", "laptop", "--scope", "read"), 1, "another name"),
        (("list", "--user", "eve@example.com"), 1, "no account eve@example.com"),
        (("revoke", *ANN, "--name", "desk", "--yes"), 1, "`chitram apikey list --user ann@example.com`"),
        (("revoke", *ANN, "--yes"), 2, "--all"),
        (("revoke", *ANN, "--name", "laptop", "--all", "--yes"), 2, "--all"),
    ],
)
async def test_a_mistake_is_a_sentence_and_changes_nothing(service, chitram_here, arguments, code, sentence):
    """With the next step."""
    key = (await api_key(service, await register(service), "read", name="laptop"))["key"]
    said = await chitram_here("apikey", *arguments)
    assert (said.exit_code, sentence in said.output) == (code, True), said.output
    assert await status_of(service, f"{API}/users/me", token=key) == 200
    assert len((await chitram_here.json("apikey", "list"))["keys"]) == 1


async def test_a_disabled_account_gets_no_key(service, chitram_here):
    """It would be worth nothing."""
    await register(service)
    await chitram_here("user", "disable", "ann@example.com", "--yes")
    said = await chitram_here("apikey", "create", *ANN, "--name", "x", "--scope", "read")
    assert (said.exit_code, "chitram user enable ann@example.com" in said.output) == (1, True)


def test_a_key_from_the_command_line_uploads_until_it_is_revoked(
    chitram: Chitram, curl: Curl, postgres_url: str, tmp_path: Path
):
    """Made by a command, used with curl, revoked by a command: refused at once by a process that knew it well."""
    environ = {"DATABASE_URL": postgres_url, "LOCAL_STORAGE_PATH": str(tmp_path / "blobs"), "DEBUG": "true"}
    first, second = (chitram("serve", "--port", 0, environ=environ) for _ in range(2))
    here, there = first.wait_for("ready "), second.wait_for("ready ")
    post(f"{here}{API}/auth/register", {"email": "ann@example.com", "password": "seven quiet mangoes"})

    def apikey(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["apikey", *arguments, *ANN, "--name", "curl"], env=environ)
        assert result.exit_code == 0, result.output
        return result.stdout.strip()

    key = apikey("create", "--scope", "upload", "--scope", "read")
    bearer = ("-H", f"Authorization: Bearer {key}")
    (tmp_path / "a.png").write_bytes(picture())
    upload = (*bearer, "-F", f"file=@{tmp_path}/a.png", "-F", "visibility=private")
    status, body = curl(*upload, f"{here}{API}/images/upload")
    assert (status, json.loads(body)["visibility"]) == (201, "private")
    image = json.loads(body)["links"]["self"]
    assert curl(*bearer, f"{there}{image}")[0] == 200
    assert curl(f"{there}{image}")[0] == 404
    assert curl(*bearer, "-X", "DELETE", f"{there}{image}")[0] == 403

    apikey("revoke", "--yes")
    for process in (here, there):
        assert curl(*bearer, f"{process}{image}")[0] == 401
        assert curl(*upload, f"{process}{API}/images/upload")[0] == 401
    assert key[4:16] not in first.errors + second.errors

"""`chitram user` on a real database."""

import asyncio
import json

import pytest
from click.testing import CliRunner, Result

from chitram.adapters.database import Database
from chitram.adapters.users_sql import SqlUsers
from chitram.cli import main
from chitram.domain.account import User
from tests.api import API, PASSWORD, bearer, refused, register, status_of, upload, upload_form
from tests.cli.commands import Commands
from tests.pictures import picture


@pytest.fixture
def create_admin(own_settings, monkeypatch):
    """Run `chitram user create-admin` on a fresh database."""
    monkeypatch.setenv("DATABASE_URL", str(own_settings["database_url"]))

    def run(email: str, password: str = "correct horse battery") -> Result:
        return CliRunner().invoke(main, ["user", "create-admin", email], env={"CHITRAM_PASSWORD": password})

    return run


def stored(url: str, email: str) -> User:
    """The account as it is."""

    async def read() -> User:
        database = Database(url)
        found = await SqlUsers(database).by_email(email)
        await database.close()
        assert found is not None
        return found[0]

    return asyncio.run(read())


def test_an_administrator_is_made_once_and_promoted_after(create_admin, own_settings):
    """The second time the account stays as it is."""
    assert "is an administrator now" in create_admin("Ann@Example.com").output
    assert stored(str(own_settings["database_url"]), "ann@example.com").is_admin
    assert "it had an account already" in create_admin("ann@example.com").output


async def test_whoever_opened_the_account_first_is_not_made_an_administrator(service, chitram):
    """Anybody may have registered the address that the administrator was going to use."""
    stranger = await register(service, "ann@example.com")
    chitram.environ["CHITRAM_PASSWORD"] = "the administrator's own one"
    said = await chitram("user", "create-admin", "ann@example.com")
    assert (said.exit_code, "chitram user promote ann@example.com" in said.output) == (1, True)
    assert await status_of(service, f"{API}/admin/ring", token=stranger) == 404


@pytest.mark.parametrize(("email", "password"), [("ann", "correct horse battery"), ("ann@example.com", "short")])
def test_a_bad_address_or_password_is_a_sentence(create_admin, email, password):
    """With the rule."""
    result = create_admin(email, password)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.fixture
def chitram(own_settings) -> Commands:
    """Commands on the service's database."""
    return Commands(own_settings)


async def sign_in(service) -> tuple[int, str]:
    """Ann's status and token."""
    async with service.post(f"{API}/auth/login", json={"email": "ann@example.com", "password": PASSWORD}) as answer:
        return answer.status, str((await answer.json()).get("access_token", ""))


async def test_a_disabled_account_is_refused_at_once(service, chitram):
    """By the next request of every session, and at the door; enabled again, it has to sign in anew."""
    token = await register(service)
    assert await status_of(service, f"{API}/auth/me", token=token) == 200
    said = await chitram("user", "disable", "Ann@example.com", "--yes")
    assert (said.exit_code, "ann@example.com is disabled now" in said.output) == (0, True)
    assert await status_of(service, f"{API}/auth/me", token=token) == 401
    assert await status_of(service, f"{API}/users/me/images", token=token) == 401
    assert (await sign_in(service))[0] == 403
    assert (await chitram("user", "enable", "ann@example.com")).exit_code == 0
    assert await status_of(service, f"{API}/auth/me", token=token) == 401
    status, fresh = await sign_in(service)
    assert (status, await status_of(service, f"{API}/auth/me", token=fresh)) == (200, 200)


async def test_rights_come_and_go_with_the_next_request(service, chitram):
    """And somebody is always left who has them."""
    token = await register(service)
    await register(service, "bob@example.com")
    assert await status_of(service, f"{API}/admin/ring", token=token) == 404
    assert (await chitram("user", "promote", "ann@example.com", "--yes")).exit_code == 0
    assert await status_of(service, f"{API}/admin/ring", token=token) == 200
    for action in ("demote", "disable"):
        refused = await chitram("user", action, "ann@example.com", "--yes")
        assert (refused.exit_code, "last administrator" in refused.output) == (1, True)
    assert (await chitram("user", "promote", "bob@example.com", "--yes")).exit_code == 0
    assert (await chitram("user", "demote", "ann@example.com", "--yes")).exit_code == 0
    assert await status_of(service, f"{API}/admin/ring", token=token) == 404


async def test_list_shows_who_is_there(service, chitram):
    """For people and for programs; no hash of a password."""
    assert "no account yet" in (await chitram("user", "list")).output
    await register(service)
    await register(service, "bob@example.com")
    await chitram("user", "disable", "bob@example.com", "--yes")
    await chitram("user", "promote", "ann@example.com", "--yes")
    lines = (await chitram("user", "list")).output.splitlines()
    assert [line.split()[0] for line in lines[1:3]] == ["ann@example.com", "bob@example.com"]
    assert lines[1].endswith("administrator")
    assert lines[2].endswith("disabled")
    listed = (await chitram("user", "list", "--json")).output
    assert [(user["is_active"], user["is_admin"]) for user in json.loads(listed)["users"]] == [
        (True, True),
        (False, False),
    ]
    assert "argon2" not in listed


async def test_nothing_happens_without_a_yes_or_to_nobody(service, chitram):
    """There is no terminal to ask; and an address that nobody has is named."""
    token = await register(service)
    for action in ("disable", "promote", "demote"):
        assert (await chitram("user", action, "ann@example.com")).exit_code == 2
        nobody = await chitram("user", action, "eve@example.com", "--yes")
        assert (nobody.exit_code, "no account eve@example.com" in nobody.output) == (1, True)
        assert "`chitram user list`" in nobody.output
        assert "will" not in nobody.output
    assert await status_of(service, f"{API}/auth/me", token=token) == 200


async def test_a_quota_is_shown_set_and_taken_back(start_service, own_settings):
    """For one account; the default is the setting's, and the service goes by it at once."""
    chitram = Commands({**own_settings, "user_quota_mb": 2})
    service = await start_service(user_quota_mb=2)
    token = await register(service)
    size = (await upload(service, token=token))["file_size"]
    shown = await chitram("user", "quota", "Ann@example.com")
    assert f"ann@example.com uses {size} bytes with 1 picture; quota: 2 MB (default)" in shown.output
    assert "a running service goes by its own environment" in shown.output
    for words, quota, default in (("1.5GB", 3 * 2**29, False), ("none", None, False), ("default", 2**21, True)):
        said = await chitram.json("user", "quota", "ann@example.com", words)
        assert said == {
            "email": "ann@example.com",
            "pictures": 1,
            "used_bytes": size,
            "quota_bytes": quota,
            "quota_is_default": default,
            "quota_source": "USER_QUOTA_MB of this command" if default else "account",
        }
        async with service.get(f"{API}/users/me", headers=bearer(token)) as answer:
            assert (await answer.json())["quota_bytes"] == quota
    await chitram("user", "quota", "ann@example.com", "1KB")
    assert await refused(service, upload_form(picture(size=(300, 300))), token=token) == (507, "QUOTA_EXCEEDED")
    listed = (await chitram.json("user", "list"))["users"][0]
    assert (listed["used_bytes"], listed["quota_bytes"]) == (size, 1024)
    table = (await chitram("user", "list")).output.splitlines()
    assert table[0].split()[:4] == ["account", "since", "used", "quota"]
    assert f"{size} bytes" in table[1]
    assert "1 KB" in table[1]
    assert "USER_QUOTA_MB" not in "".join(table)


async def test_list_says_whose_default_it_shows(service, chitram):
    """This command's: the service may have been started with another."""
    await register(service)
    assert "a running service goes by its own environment" in (await chitram("user", "list")).stdout
    assert (await chitram.json("user", "list"))["users"][0]["quota_source"] == "USER_QUOTA_MB of this command"


@pytest.mark.parametrize("size", ["lots", "0", "-5MB", "5 XB", "1e9", "inf", "999999999TB", ""])
async def test_what_is_no_size_is_refused_with_what_would_be_one(service, chitram, size):
    """And nothing is changed."""
    await register(service)
    said = await chitram("user", "quota", "ann@example.com", "--", size)
    assert (said.exit_code, "500MB" in said.output) == (2, True)
    assert (await chitram.json("user", "quota", "ann@example.com"))["quota_is_default"]
    nobody = await chitram("user", "quota", "eve@example.com", "5MB")
    assert (nobody.exit_code, "no account eve@example.com: `chitram user list`" in nobody.output) == (1, True)

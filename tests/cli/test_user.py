"""`chitram user` on a real database."""

import asyncio

import pytest
from click.testing import CliRunner, Result

from chitram.adapters.database import Database
from chitram.adapters.users_sql import SqlUsers
from chitram.cli import main
from chitram.domain.account import User


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
    assert "the password is the one it had" in create_admin("ann@example.com").output


@pytest.mark.parametrize(("email", "password"), [("ann", "correct horse battery"), ("ann@example.com", "short")])
def test_a_bad_address_or_password_is_a_sentence(create_admin, email, password):
    """With the rule."""
    result = create_admin(email, password)
    assert result.exit_code == 2
    assert "Traceback" not in result.output

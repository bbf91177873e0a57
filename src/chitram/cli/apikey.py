"""`chitram apikey`: API keys of any account, from the machine that has the database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from chitram.adapters.api_keys_sql import SqlApiKeys
from chitram.adapters.database import Database
from chitram.cli.accounts import account
from chitram.cli.words import agree, columns, counted
from chitram.cli.workplace import Workplace, place_options, placed
from chitram.domain.account import User
from chitram.domain.api_key import LONGEST_LIFE, ApiKey, KeyWish, Scope, in_order
from chitram.domain.errors import Conflict, NotFound, ValidationFailed
from chitram.services.api_keys import ApiKeys

_USER = click.option("--user", "email", metavar="ADDRESS", required=True, help="Whose account.")


@click.group()
@place_options
def apikey() -> None:
    """Manage API keys: secrets by which programs speak for an account, as far as the keys' scopes go.

    \b
    chitram apikey create --user ann@example.com --name laptop --scope upload
                                                    make one; it is shown once
    chitram apikey list                             everybody's, and when each was last used
    chitram apikey revoke --user ann@example.com --name laptop
                                                    make one worthless, at once
    """


@apikey.command()
@_USER
@click.option("--name", required=True, help="What will use it: `laptop`, `backup script`.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    required=True,
    type=click.Choice([scope.value for scope in Scope]),
    help="What it may do; more than once for more. None implies another.",
)
@click.option(
    "--days", type=click.IntRange(1, LONGEST_LIFE.days), help="When it expires. Without it: when it is revoked."
)
@placed
def create(it: Workplace, email: str, name: str, scopes: tuple[str, ...], days: int | None) -> None:
    """Make a key and print it, this once: only its hash is stored.

    upload puts pictures in and changes them, read sees what the account sees, delete deletes its pictures; admin gives
    an administrator's key that power too. No key can make keys or change the password.

    \b
    chitram apikey create --user ann@example.com --name laptop --scope upload --scope read --days 90
    chitram apikey create --user ann@example.com --name ci --scope upload --json | jq -r .key
    """
    wish = KeyWish(
        name=name,
        scopes=frozenset(map(Scope, scopes)),
        lifetime=None if days is None else timedelta(days=days),
    )
    owner, key, secret = it.ask(lambda database: _create(database, email, wish))
    click.echo(f"{owner.email} has a new key '{key.name}'; nobody can show it again:", err=True)
    it.say({**_fields(key, owner.email), "key": secret}, secret)


@apikey.command("list")
@click.option("--user", "email", metavar="ADDRESS", help="Only this account's.")
@placed
def list_keys(it: Workplace, email: str | None) -> None:
    """Print every key: whose it is, what it may do, when it was last used (to the minute) and when it expires.

    \b
    chitram apikey list --user ann@example.com
    chitram apikey list --json | jq -r '.keys[] | select(.last_used_at == null) | .name'
    """
    keys = it.ask(lambda database: _listed(database, email))
    rows = [
        (
            address,
            key.name,
            ",".join(in_order(key.scopes)),
            *map(_day, (key.created_at, key.last_used_at, key.expires_at)),
        )
        for key, address in keys
    ]
    table = columns([("account", "name", "scopes", "created (UTC)", "last used (UTC)", "expires (UTC)"), *rows])
    it.say({"keys": [_fields(key, address) for key, address in keys]}, table if rows else "there is no API key")


@apikey.command()
@_USER
@click.option("--name", help="Which key.")
@click.option("--all", "every", is_flag=True, help="All of the account's.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@placed
def revoke(it: Workplace, email: str, name: str | None, *, every: bool, yes: bool) -> None:
    """Make a key worthless: it is refused from its next request on, in every process.

    \b
    chitram apikey revoke --user ann@example.com --name laptop
    chitram apikey revoke --user ann@example.com --all --yes
    """
    if every == (name is not None):
        raise click.UsageError("say which key: --name NAME, or --all")
    owner, meant = it.ask(lambda database: _meant(database, email, name))
    if meant:
        which = f"the API key '{name}'" if name is not None else f"every API key ({len(meant)})"
        agree(f"{which} of {owner.email} will be refused from its next request on", yes=yes)
    revoked = it.ask(lambda database: _revoke(database, email, name)) if meant else []
    it.say({"user": owner.email, "revoked": revoked}, f"{counted(len(revoked), 'key')} of {owner.email} revoked")


async def _create(database: Database, email: str, wish: KeyWish) -> tuple[User, ApiKey, str]:
    owner = await account(database, email)
    if not owner.is_active:
        raise Conflict(
            f"{owner.email} is disabled, and so would be the key: `chitram user enable {owner.email}` first."
        )
    try:
        return owner, *await ApiKeys(SqlApiKeys(database)).create(owner, wish)
    except ValidationFailed as error:
        raise click.UsageError(" ".join(problem.message for problem in error.problems)) from error


async def _listed(database: Database, email: str | None) -> Sequence[tuple[ApiKey, str]]:
    if email is None:
        return await SqlApiKeys(database).everybodys()
    owner = await account(database, email)
    return [(key, owner.email) for key in await SqlApiKeys(database).of(owner.id)]


async def _meant(database: Database, email: str, name: str | None) -> tuple[User, Sequence[ApiKey]]:
    """Whose keys, and which: the one of that name, or all."""
    owner = await account(database, email)
    meant = [key for key in await SqlApiKeys(database).of(owner.id) if name in {None, key.name}]
    if not meant and name is not None:
        raise NotFound(f"{owner.email} has no API key '{name}': `chitram apikey list --user {owner.email}` shows them.")
    return owner, meant


async def _revoke(database: Database, email: str, name: str | None) -> list[str]:
    # Looked up anew: one that came while somebody thought about the question is meant by --all, too.
    owner, meant = await _meant(database, email, name)
    for key in meant:
        await ApiKeys(SqlApiKeys(database)).revoke(owner, key.id)
    return [key.name for key in meant]


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def _fields(key: ApiKey, email: str) -> dict[str, Any]:
    return {
        "id": key.id,
        "user": email,
        "name": key.name,
        "scopes": [scope.value for scope in in_order(key.scopes)],
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    }

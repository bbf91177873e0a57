"""`chitram user`: accounts, from the machine that has the database."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import click

from chitram.adapters.database import Database
from chitram.adapters.passwords import Argon2Passwords
from chitram.adapters.quotas_sql import SqlQuotas
from chitram.adapters.users_sql import SqlUsers
from chitram.cli.accounts import account
from chitram.cli.quota_words import DEFAULT_NOTE, parse_quota, use_fields, use_sentence, use_words
from chitram.cli.words import agree, columns
from chitram.cli.workplace import Workplace, place_options, placed
from chitram.domain.account import User, email_problem, normalise_email, password_problem
from chitram.domain.errors import Conflict
from chitram.domain.quota import Usage

_YES = click.option("--yes", is_flag=True, help="Do not ask.")


@click.group()
@place_options
def user() -> None:
    """Manage accounts.

    \b
    chitram user list                               who is there
    chitram user create-admin ann@example.com       open an administrator's account
    chitram user quota bob@example.com 2GB          let bob keep so much
    chitram user disable bob@example.com            sign bob out everywhere, and let him in no more
    """


@user.command("list")
@placed
def list_users(it: Workplace) -> None:
    """Print every account: since when it is there, what its pictures take up of what they may, whether it is disabled,
    whether it is an administrator's.

    Without a quota of its own this command's USER_QUOTA_MB is shown; the service goes by that of its own environment.

    \b
    chitram user list --json | jq -r '.users[] | select(.is_admin) | .email'
    """

    async def read(database: Database) -> tuple[Sequence[User], Mapping[str, Usage]]:
        return await SqlUsers(database).everybody(), await _quotas(it, database).everybody()

    everybody, usages = it.ask(read)
    known = [(one, usages[one.id]) for one in everybody if one.id in usages]
    rows = [(one.email, f"{one.created_at:%Y-%m-%d}", *use_words(usage), *_state(one)) for one, usage in known]
    table = columns([("account", "since", "used", "quota", "", ""), *rows])
    note = "" if all(usage.own for _, usage in known) else f"\n{DEFAULT_NOTE}"
    fields = [_fields(one) | use_fields(usage) for one, usage in known]
    it.say({"users": fields}, table + note if rows else "there is no account yet")


@user.command("create-admin")
@click.argument("email")
@click.password_option(envvar="CHITRAM_PASSWORD", help="Asked for, or taken from CHITRAM_PASSWORD.")
@placed
def create_admin(it: Workplace, email: str, password: str) -> None:
    """Open an administrator's account, or make the account of EMAIL one if it has this password.

    With another password it stays what it is: anybody may have opened it under this address.

    \b
    chitram user create-admin ann@example.com --data data
    """
    address = normalise_email(email)
    for problem in (email_problem(address), password_problem(password)):
        if problem:
            raise click.UsageError(problem.message)
    created = it.ask(lambda database: _create_admin(database, address, password))
    words = f"{address} is an administrator now" + ("" if created else "; it had an account already")
    it.say({"email": address, "is_admin": True, "created": created}, words)


@user.command()
@click.argument("email")
@_YES
@placed
def disable(it: Workplace, email: str, *, yes: bool) -> None:
    """Let an account in no more: every session, token and API key of it is refused from the next request on.

    Its pictures stay where they are. The last administrator cannot be disabled: make another one first.

    \b
    chitram user disable bob@example.com
    """
    who = _agreed(it, email, "will be signed out everywhere and cannot sign in until `chitram user enable`", yes=yes)
    now = datetime.now(UTC)
    _alter(it, who, "disabled", lambda users, address: users.set_active(address, active=False, now=now))


@user.command()
@click.argument("email")
@placed
def enable(it: Workplace, email: str) -> None:
    """Let a disabled account in again. Tokens of before stay worthless: it has to sign in. Its API keys work again:
    those that it should not have, `chitram apikey revoke` ends.

    \b
    chitram user enable bob@example.com
    """
    now = datetime.now(UTC)
    _alter(it, email, "enabled", lambda users, address: users.set_active(address, active=True, now=now))


@user.command()
@click.argument("email")
@_YES
@placed
def promote(it: Workplace, email: str, *, yes: bool) -> None:
    """Make an account an administrator's, from its next request on.

    \b
    chitram user promote ann@example.com
    """
    who = _agreed(it, email, "will see, change and delete everybody's pictures, and the ring", yes=yes)
    _alter(it, who, "an administrator", lambda users, address: users.set_admin(address, admin=True))


@user.command()
@click.argument("email")
@_YES
@placed
def demote(it: Workplace, email: str, *, yes: bool) -> None:
    """Take an administrator's rights away, from the next request on. Somebody must be left who has them.

    \b
    chitram user demote bob@example.com
    """
    who = _agreed(it, email, "will be an account like any other", yes=yes)
    _alter(it, who, "no administrator", lambda users, address: users.set_admin(address, admin=False))


@user.command()
@click.argument("email")
@click.argument("size", required=False, metavar="[SIZE|none|default]")
@placed
def quota(it: Workplace, email: str, size: str | None) -> None:
    """Print how much an account's pictures take up and may, or set how much they may.

    SIZE is like 500MB or 2GB; "none" lets it keep anything, "default" takes its own quota back, so that USER_QUOTA_MB
    holds. Who has more than a new quota allows keeps it, but uploads nothing more. It holds from the next upload on.

    \b
    chitram user quota ann@example.com
    chitram user quota ann@example.com 2GB
    chitram user quota ann@example.com default --json

    Without a quota of its own this command's USER_QUOTA_MB is shown; the service goes by that of its own environment.
    """
    wanted = parse_quota(size)

    async def work(database: Database) -> tuple[str, Usage]:
        who, quotas = await account(database, email), _quotas(it, database)
        if wanted == "default":
            await quotas.allow_default(who.id)
        elif wanted != "":
            await quotas.allow(who.id, None if wanted == "none" else wanted)
        return who.email, await quotas.usage(who.id)

    address, usage = it.ask(work)
    it.say({"email": address, **use_fields(usage)}, use_sentence(address, usage))


def _quotas(it: Workplace, database: Database) -> SqlQuotas:
    return SqlQuotas(database, it.settings.user_quota_bytes)


def _agreed(it: Workplace, email: str, what: str, *, yes: bool) -> str:
    """The address of an account that there is, once whoever asked agrees to what will become of it."""
    address = it.ask(lambda database: account(database, email)).email
    agree(f"{address} {what}", yes=yes)
    return address


def _alter(it: Workplace, email: str, state: str, change: Callable[[SqlUsers, str], Awaitable[User]]) -> None:
    address = normalise_email(email)
    changed = it.ask(lambda database: change(SqlUsers(database), address))
    it.say(_fields(changed), f"{changed.email} is {state} now")


def _state(one: User) -> tuple[str, str]:
    return ("" if one.is_active else "disabled", "administrator" if one.is_admin else "")


def _fields(one: User) -> dict[str, Any]:
    return {
        "id": one.id,
        "email": one.email,
        "is_active": one.is_active,
        "is_admin": one.is_admin,
        "created_at": one.created_at,
    }


async def _create_admin(database: Database, address: str, password: str) -> bool:
    users, passwords = SqlUsers(database), Argon2Passwords()
    try:
        if (found := await users.by_email(address)) is not None:
            if not await passwords.matches(password, found[1]):
                raise Conflict(
                    f"There is an account {address} already, with another password. If you know whose it is: "
                    f"`chitram user promote {address}`."
                )
            await users.set_admin(address, admin=True)
            return False
        now = datetime.now(UTC)
        account = User(id=str(uuid4()), email=address, is_active=True, is_admin=True, created_at=now)
        await users.add(account, await passwords.hash(password))
        return True
    finally:
        passwords.close()

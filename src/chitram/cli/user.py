"""`chitram user`: accounts, from the machine that has the database."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import click

from chitram.adapters.database import Database
from chitram.adapters.passwords import Argon2Passwords
from chitram.adapters.schema import require_current
from chitram.adapters.users_sql import SqlUsers
from chitram.cli.environment import environment
from chitram.domain.account import User, email_problem, normalise_email, password_problem
from chitram.settings import Settings


@click.group()
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="The data directory of a `chitram up`.")
@click.pass_context
def user(context: click.Context, data: Path | None) -> None:
    """Manage accounts."""
    chosen = {"database_url": f"sqlite:///{data.absolute()}/chitram.db"} if data else None
    context.obj = Settings.load(environment(), chosen, dotenv=None).database_url


@user.command("create-admin")
@click.argument("email")
@click.password_option(envvar="CHITRAM_PASSWORD", help="Asked for, or taken from CHITRAM_PASSWORD.")
@click.pass_obj
def create_admin(url: str, email: str, password: str) -> None:
    """Open an administrator's account, or make the account of EMAIL one (its password stays).

    \b
    chitram user --data data create-admin ann@example.com
    """
    address = normalise_email(email)
    for problem in (email_problem(address), password_problem(password)):
        if problem:
            raise click.UsageError(problem.message)
    created = asyncio.run(_create_admin(url, address, password))
    click.echo(f"{address} is an administrator now" + ("" if created else "; the password is the one it had"))


async def _create_admin(url: str, address: str, password: str) -> bool:
    database, passwords = Database(url), Argon2Passwords()
    try:
        await require_current(database)
        users = SqlUsers(database)
        if await users.promote(address):
            return False
        now = datetime.now(UTC)
        account = User(id=str(uuid4()), email=address, is_active=True, is_admin=True, created_at=now)
        await users.add(account, await passwords.hash(password))
        return True
    finally:
        passwords.close()
        await database.close()

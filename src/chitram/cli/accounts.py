"""Accounts as they are named on a command line: by their address."""

from chitram.adapters.database import Database
from chitram.adapters.users_sql import SqlUsers
from chitram.domain.account import User, normalise_email
from chitram.domain.errors import NotFound


async def account(database: Database, email: str) -> User:
    """The account of *email*. Raises ``NotFound``, saying where to look."""
    address = normalise_email(email)
    if (found := await SqlUsers(database).by_email(address)) is None:
        raise NotFound(f"There is no account {address}: `chitram user list` shows them.")
    return found[0]

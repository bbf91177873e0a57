"""Register, sign in, sign out, and who a token speaks for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from uuid import uuid4

from chitram.domain.account import User, email_problem, normalise_email, password_problem
from chitram.domain.api_key import ApiKey, Scope
from chitram.domain.errors import (
    Forbidden,
    InvalidCredentials,
    ScopeMissing,
    Unauthorized,
    UserInactive,
    ValidationFailed,
)
from chitram.domain.image import Caller
from chitram.services.account_ports import Passwords, Tokens, Users

LoginResult = Literal["ok", "wrong", "inactive"]


@dataclass(frozen=True, slots=True)
class SignedIn:
    """An account and a fresh token for it."""

    user: User
    token: str


@dataclass(frozen=True, slots=True)
class Session:
    """The account that a request speaks for, with the token that it carried, or the API key that limits it."""

    user: User
    token: str
    key: ApiKey | None = None

    @property
    def is_admin(self) -> bool:
        """An administrator's key has that power only with the scope for it."""
        return self.user.is_admin and (self.key is None or Scope.ADMIN in self.key.scopes)

    @property
    def caller(self) -> Caller:
        """The same, in the words of the access rules."""
        return Caller(self.user.id, is_admin=self.is_admin)

    def permit(self, needs: Scope | None) -> None:
        """Refuse a key without the scope *needs*, and any key where there is none. Raises ``Forbidden``."""
        if self.key is None:
            return
        if needs is None:
            raise Forbidden("An API key cannot do this. Sign in with the account's password.")
        if needs not in self.key.scopes:
            raise ScopeMissing(needs)


class Accounts:
    """Local accounts. *tried* is told how each attempt to sign in ended."""

    def __init__(
        self, *, users: Users, passwords: Passwords, tokens: Tokens, tried: Callable[[LoginResult], None]
    ) -> None:
        self._users = users
        self._tried = tried
        self._passwords = passwords
        self._tokens = tokens

    async def register(self, email: str, password: str) -> SignedIn:
        """Open an account. Raises ``ValidationFailed`` and ``EmailExists``."""
        address = normalise_email(email)
        problems = [p for p in (email_problem(address), password_problem(password)) if p]
        if problems:
            raise ValidationFailed(*problems)
        user = User(id=str(uuid4()), email=address, is_active=True, is_admin=False, created_at=datetime.now(UTC))
        await self._users.add(user, await self._passwords.hash(password))
        return SignedIn(user, self._tokens.issue(user.id, at=datetime.now(UTC)))

    async def login(self, email: str, password: str) -> SignedIn:
        """Sign in. Raises ``InvalidCredentials``, alike in words and time for an unknown address and a wrong password;
        ``UserInactive`` only after a right password.

        The token is of the moment before the password was looked up: one that is being changed meanwhile opens nothing.
        """
        asked = datetime.now(UTC)
        found = await self._users.by_email(normalise_email(email))
        matches = await self._passwords.matches(password, found[1] if found else None)
        if found is None or not matches:
            self._tried("wrong")
            raise InvalidCredentials
        user = found[0]
        if not user.is_active:
            self._tried("inactive")
            raise UserInactive
        self._tried("ok")
        return SignedIn(user, self._tokens.issue(user.id, at=asked))

    async def session(self, token: str) -> Session:
        """Who *token* speaks for, checked against the database. Raises ``Unauthorized`` or ``TokenExpired``."""
        claims = self._tokens.read(token)
        user = await self._users.by_token(claims.user_id, claims.token_id, claims.issued_at)
        if user is None or not user.is_active:
            raise Unauthorized("This session has ended. Sign in again.")
        return Session(user, token)

    async def logout(self, session: Session) -> None:
        """Revoke the session's token at once."""
        claims = self._tokens.read(session.token)
        await self._users.revoke(claims.token_id, claims.expires_at)

    async def change_password(self, session: Session, *, current: str, new: str) -> SignedIn:
        """Set a new password and revoke every earlier token. Raises ``InvalidCredentials``, ``ValidationFailed``."""
        stored = await self._users.password_hash(session.user.id)
        if not await self._passwords.matches(current, stored):
            raise InvalidCredentials("The current password is wrong.")
        if problem := password_problem(new):
            raise ValidationFailed(problem)
        hashed, now = await self._passwords.hash(new), datetime.now(UTC)
        if not await self._users.set_password(session.user.id, hashed, instead_of=stored, revoke_before=now):
            raise InvalidCredentials("The password was changed meanwhile.")
        return SignedIn(session.user, self._tokens.issue(session.user.id, at=now))

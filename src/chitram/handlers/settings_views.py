"""What the settings page shows: an account's API keys, the form for another one, and a fresh one, once."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar

from chitram.domain.account import User
from chitram.domain.api_key import MAX_KEYS, ApiKey, Scope, in_order
from chitram.handlers.form_views import Choice, Field
from chitram.handlers.key_snippets import Snippets
from chitram.handlers.words import day_words

_MEANINGS = {
    Scope.UPLOAD: "Put pictures in, and change their titles and who can see them",
    Scope.READ: "See what you see: your pictures, private ones included, and your account",
    Scope.DELETE: "Delete your pictures",
    Scope.ADMIN: "Do all that as an administrator, with everybody's pictures, and change the cache ring",
}
LIFETIMES = {"": "Until I revoke it", "30": "30 days", "90": "90 days", "365": "A year"}
"""By the number of days."""


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of the list."""

    id: str
    name: str
    scopes: tuple[str, ...]
    facts: str
    expired: bool

    @classmethod
    def of(cls, key: ApiKey, now: datetime) -> "KeyRow":
        """In words."""
        expired = key.has_expired(now)
        used = f"last used {_moment_words(key.last_used_at)}" if key.last_used_at else "never used"
        facts = [f"Created {day_words(key.created_at)}", used]
        if key.expires_at is not None:
            facts.append(f"{'expired' if expired else 'expires'} {day_words(key.expires_at)}")
        return cls(key.id, key.name, tuple(in_order(key.scopes)), " · ".join(facts), expired)


@dataclass(frozen=True, slots=True)
class ScopeChoice:
    """One box to tick."""

    value: str
    meaning: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class KeyForm:
    """What a key is to be, fresh or refused; *message* is what belongs to no field."""

    name: Field
    scopes: tuple[ScopeChoice, ...]
    scopes_error: Field
    lifetimes: tuple[Choice, ...]
    message: str | None


@dataclass(frozen=True, slots=True)
class FreshKey:
    """A key that was made a moment ago. *snippets* are there if it may upload."""

    name: str
    secret: str
    snippets: Snippets | None


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """The page of one account."""

    template: ClassVar[str] = "pages/settings.html"
    email: str
    since: str
    keys: tuple[KeyRow, ...]
    form: KeyForm
    fresh: FreshKey | None

    @property
    def is_full(self) -> bool:
        """Whether there can be no more keys."""
        return len(self.keys) >= MAX_KEYS


def settings_view(user: User, keys: tuple[ApiKey, ...], form: KeyForm, fresh: FreshKey | None) -> SettingsPage:
    """As of now."""
    now = datetime.now(UTC)
    rows = tuple(KeyRow.of(key, now) for key in keys)
    return SettingsPage(user.email, day_words(user.created_at), rows, form, fresh)


def scope_choices(user: User, chosen: frozenset[str]) -> tuple[ScopeChoice, ...]:
    """What a key of this account can be given."""
    offered = [scope for scope in Scope if user.is_admin or scope is not Scope.ADMIN]
    return tuple(ScopeChoice(scope.value, _MEANINGS[scope], scope in chosen) for scope in offered)


def lifetime_choices(selected: str) -> tuple[Choice, ...]:
    """The options of "how long"."""
    return tuple(Choice(days, label, days == selected) for days, label in LIFETIMES.items())


def _moment_words(moment: datetime) -> str:
    return f"{day_words(moment)}, {moment:%H:%M} UTC"

"""An account and the rules for its address and password."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from chitram.domain.errors import Problem

MIN_PASSWORD_LENGTH = 8
MAX_PASSWORD_LENGTH = 128
MAX_EMAIL_LENGTH = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who can sign in. The password's hash is not part of it: it stays in the adapter."""

    id: str
    email: str
    is_active: bool
    is_admin: bool
    created_at: datetime


def normalise_email(text: str) -> str:
    """The form in which addresses are stored and compared: composed, trimmed, case folded.

    What is longer than any address stays as it is: composing takes quadratic time.
    """
    if len(text) > 4 * MAX_EMAIL_LENGTH:
        return text
    return unicodedata.normalize("NFC", text).strip().casefold()


def email_problem(email: str) -> Problem | None:
    """What is wrong with a normalised address. Only its shape is judged; whether it exists, a message would tell."""
    local, _, host = email.rpartition("@")
    shaped = bool(local) and "." in host.strip(".") and not host.startswith(("-", "."))
    clean = all(character.isprintable() and not character.isspace() for character in email)
    if shaped and clean and len(email) <= MAX_EMAIL_LENGTH and email.count("@") == 1:
        return None
    return Problem("/email", "Enter an email address like name@example.com.")


def password_problem(password: str) -> Problem | None:
    """What is wrong with a new password; length is the only rule (NIST SP 800-63B, 5.1.1)."""
    if MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        return None
    return Problem("/password", f"Use {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters.")

"""How often a job is tried, and when again. Pure: chance is an argument."""

ATTEMPTS = 5
"""After so many a job is given up, and waits for a person."""
FIRST_PAUSE = 10.0
FACTOR = 4.0
LONGEST_PAUSE = FIRST_PAUSE * FACTOR ** (ATTEMPTS - 2) * 1.5
LONGEST_REASON = 300


def pause_after(attempt: int, chance: float) -> float:
    """Seconds until the next attempt: 10, 40, 160, 640, each half or one and a half times as long by *chance*, which is
    from 0 to 1, so that what failed together is not tried together.
    """
    return float(FIRST_PAUSE * FACTOR ** (attempt - 1) * (0.5 + chance))


def reason_of(error: BaseException) -> str:
    """Why an attempt failed that nobody expected to."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def one_line(reason: str) -> str:
    """As it is stored and printed: short, of characters that a database takes and a terminal shows."""
    shown = "".join(character if character.isprintable() else " " for character in reason)
    return " ".join(shown.split())[:LONGEST_REASON]

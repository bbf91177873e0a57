"""What the environment says: the process's own, over a `.env` file in the working directory."""

import os
from pathlib import Path

from dotenv import dotenv_values


def environment(dotenv: Path = Path(".env")) -> dict[str, str]:
    """Every variable by its name in capitals, as `Settings.load` takes them."""
    written = dotenv_values(dotenv) if dotenv.is_file() else {}
    merged = {**written, **os.environ}
    return {name.upper(): value for name, value in merged.items() if value is not None}

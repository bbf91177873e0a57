"""`chitram config show`: which settings are in force, and who said so."""

from pathlib import Path

import pytest

from tests.cli.commands import Commands


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch) -> None:
    """In a directory with a `.env` file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("MAX_PIXELS=1000\nAPP_ENV=development\n")


async def test_each_value_says_where_it_comes_from(own_settings, data: Path):
    """Flags over the environment over the file over the default."""
    chitram = Commands({**own_settings, "app_env": "production"})
    settings = (await chitram.json("config", "show"))["settings"]
    assert settings["APP_ENV"] == {"value": "production", "source": "environment"}
    assert settings["MAX_PIXELS"] == {"value": 1000, "source": ".env"}
    assert settings["CACHE_TTL_SECONDS"] == {"value": 3600, "source": "default"}
    (data / "chitram.db").touch()
    placed = (await chitram.json("config", "show", "--data", str(data)))["settings"]
    assert placed["LOCAL_STORAGE_PATH"] == {"value": f"{data}/blobs", "source": "flag"}


async def test_what_is_not_set_is_shown_empty():
    """Rather than in the words of a programming language."""
    assert "None" not in (await Commands({})("config", "show")).stdout


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://me:hunter2@db/chitram"),
        ("DATABASE_URL", "postgresql://me:hun@hunter2@db/chitram"),
        ("DATABASE_URL", "postgresql://me@db/chitram?password=hunter2"),
        ("REDIS_NODES", "a=redis://:hunter2@a:6379,b=redis://me:hunter2@b"),
        ("REDIS_PASSWORD", "hunter2"),
        ("JWT_SECRET_KEY", "hunter2" * 5),
    ],
)
async def test_nothing_secret_is_printed(name, value):
    """Neither for people nor for programs."""
    chitram = Commands({name: value})
    for arguments in (["config", "show"], ["config", "show", "--json"]):
        said = await chitram(*arguments)
        assert (said.exit_code, "hunter2" in said.output, "***" in said.output) == (0, False, True)


async def test_settings_that_the_service_refuses_have_exit_code_1():
    """With their names."""
    said = await Commands({"max_pixels": "many"})("config", "show")
    assert (said.exit_code, said.output.startswith("Error: MAX_PIXELS: ")) == (1, True)

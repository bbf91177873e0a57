"""`chitram openapi`: the description without a running service."""

import json

from tests.cli.commands import Commands


async def test_it_prints_what_a_service_would_answer(start_service, own_settings):
    """With the same settings, the same document; with --json too."""
    service = await start_service(metrics_enabled=False)
    async with service.get("/openapi.json") as answer:
        served = await answer.json()
    chitram = Commands({**own_settings, "metrics_enabled": False})
    assert await chitram.json("openapi") == served
    assert json.loads((await chitram("openapi")).stdout) == served


async def test_it_needs_nothing_that_runs(tmp_path):
    """Neither a database nor a storage."""
    chitram = Commands({"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    assert (await chitram("openapi")).exit_code == 0


async def test_it_writes_a_file_and_says_so(tmp_path):
    """Whole, and as JSON where that is asked for."""
    file = tmp_path / "chitram.json"
    said = await Commands({})("openapi", "-o", str(file))
    paths = len(json.loads(file.read_text())["paths"])
    assert (said.exit_code, said.stdout) == (0, f"{file}: OpenAPI 3.1.1 of {paths} addresses\n")
    assert (await Commands({}).json("openapi", "-o", str(file)))["paths"] == paths


async def test_what_goes_wrong_has_an_exit_code(tmp_path):
    """1 for a file that cannot be written or settings that are refused, 2 for a mistake in the call."""
    said = await Commands({})("openapi", "-o", str(tmp_path / "nowhere" / "chitram.json"))
    assert (said.exit_code, "Name another FILE" in said.stderr) == (1, True)
    assert (await Commands({"max_pixels": "many"})("openapi")).exit_code == 1
    assert (await Commands({})("openapi", "-o", str(tmp_path))).exit_code == 2

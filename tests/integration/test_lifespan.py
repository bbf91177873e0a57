"""What runs beside the requests."""

import asyncio

from aiohttp import web

from chitram import lifespan


async def test_a_background_job_that_fails_is_started_again(monkeypatch, caplog):
    """And neither takes the service down nor disturbs its end."""
    monkeypatch.setattr(lifespan, "RESTART_SECONDS", 0.0)
    starts: list[int] = []
    enough = asyncio.Event()

    async def job() -> None:
        starts.append(1)
        if len(starts) < 3:
            raise RuntimeError("as no author ever expects")
        enough.set()
        await asyncio.Event().wait()

    app = web.Application()
    app.cleanup_ctx.append(lifespan.background_context(job))
    runner = web.AppRunner(app)
    await runner.setup()
    await asyncio.wait_for(enough.wait(), 10)
    await runner.cleanup()
    assert caplog.text.count("failed unexpectedly; starting it again") == 2

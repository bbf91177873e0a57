"""`chitram import`: put files and folders of pictures in, over the REST API of any server."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import click
from aiohttp import ClientSession, ClientTimeout

from chitram.cli.bulk.journal import Journal, journal_path
from chitram.cli.bulk.outcome import Outcome, Summary, unreadable
from chitram.cli.bulk.progress import progress
from chitram.cli.bulk.run import Import, KnownToJournal, KnownToServer, ServerGone
from chitram.cli.bulk.walk import Walk
from chitram.client import ApiError, Client, Unreachable

# No bound on a whole upload: a large file over a slow line is no failure. Silence is.
_TIMEOUT = ClientTimeout(total=None, sock_connect=10, sock_read=120)
_INTERRUPTED = "interrupted: run the same command again to go on"


@click.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="PATH…")
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="The server.")
@click.option(
    "--visibility", type=click.Choice(["public", "unlisted", "private"]), default="unlisted", show_default=True
)
@click.option("--email", help="Sign in; the password is asked for, or taken from CHITRAM_PASSWORD.")
@click.option("--token", envvar="CHITRAM_TOKEN", help="Sign in with a token or an API key (or CHITRAM_TOKEN).")
@click.option("--jobs", default=4, show_default=True, type=click.IntRange(1, 32), help="Files at once.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON, and nothing else.")
def import_pictures(
    *,
    paths: tuple[Path, ...],
    url: str,
    visibility: str,
    email: str | None,
    token: str | None,
    jobs: int,
    as_json: bool,
) -> None:
    """Upload pictures and folders of pictures. What is there already is skipped, so it can be repeated.

    Without an account the delete tokens are kept in a journal below ~/.local/state/chitram/imports.

    \b
    chitram import ~/Pictures --visibility public
    chitram import holiday/ --email ann@example.com
    CHITRAM_TOKEN=… chitram import scan.png --url https://pictures.example.com --json

    Exit code: 0 if everything is on the server now, 1 if something was refused, 130 after Ctrl-C.
    """
    if visibility == "private" and not (email or token):
        raise click.UsageError("private pictures need an account: add --email or --token")
    password = _password() if email else None
    login = (email, password) if email and password else None
    summary = asyncio.run(
        _run(paths=paths, url=url, visibility=visibility, login=login, token=token, jobs=jobs, quiet=as_json)
    )
    click.echo(json.dumps(summary.as_json()) if as_json else "\n".join(summary.lines()))
    sys.exit(130 if summary.stopped == _INTERRUPTED else 0 if summary.complete else 1)


def _password() -> str:
    from_environment = os.environ.get("CHITRAM_PASSWORD")
    if from_environment:
        return from_environment
    if not sys.stdin.isatty():
        raise click.UsageError("there is no terminal to ask for the password: set CHITRAM_PASSWORD")
    return str(click.prompt("Password", hide_input=True, err=True))


async def _run(
    *,
    paths: Iterable[Path],
    url: str,
    visibility: str,
    login: tuple[str, str] | None,
    token: str | None,
    jobs: int,
    quiet: bool,
) -> Summary:
    async with ClientSession(timeout=_TIMEOUT) as session:
        client = Client(session, url, token=token)
        if not await client.alive():
            raise click.ClickException(f"nobody answers at {url}: start `chitram up`, or name the server with --url")
        await _sign_in(client, login, token)
        summary = Summary()
        known = KnownToServer(client) if login or token else KnownToJournal(client, _journal(url, summary))
        walk = Walk()
        files = await asyncio.to_thread(walk, paths)
        summary.skipped = walk.skipped
        summary.outcomes += [unreadable(path, why) for path, why in walk.unreadable]
        with progress(len(files), quiet=quiet) as show:

            def report(outcome: Outcome) -> None:
                summary.outcomes.append(outcome)
                show(outcome)

            importing = Import(client, known, visibility=visibility, jobs=jobs, report=report)
            summary.stopped = await _until_done_or_interrupted(importing, files)
        return summary


async def _sign_in(client: Client, login: tuple[str, str] | None, token: str | None) -> None:
    try:
        if login:
            await client.log_in(*login)
        elif token:
            await client.me()
    except (ApiError, Unreachable) as error:
        raise click.ClickException(f"cannot sign in: {error}") from error


def _journal(url: str, summary: Summary) -> Journal:
    path = summary.journal = journal_path(url)
    try:
        journal = Journal(path)
        journal.prepare()
    except OSError as error:
        raise click.ClickException(f"{path} cannot be used: {error.strerror}; set XDG_STATE_HOME") from error
    return journal


async def _until_done_or_interrupted(importing: Import, files: list[Path]) -> str:
    """Why the run stopped before its end; empty if it did not."""
    run = asyncio.ensure_future(importing.run(files))
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, _interrupter(importing, run))
    try:
        return "" if await run else _INTERRUPTED
    except asyncio.CancelledError:
        return _INTERRUPTED
    except ServerGone as error:
        return f"the server stopped answering ({error}): run the same command again to go on"
    except OSError as error:
        return f"the journal cannot be written ({error.strerror}): free some space and run the same command again"


def _interrupter(importing: Import, run: "asyncio.Future[bool]") -> Callable[[], None]:
    asked = False

    def interrupt() -> None:
        nonlocal asked
        if asked:
            run.cancel()
            return
        asked = True
        importing.stop()
        click.echo("finishing the uploads under way; Ctrl-C again drops them", err=True)

    return interrupt

"""`chitram openapi`: the description of the REST API, without a running service."""

from pathlib import Path

import click
import orjson

from chitram.app import describe_app
from chitram.cli.workplace import Workplace, placed


@click.command(short_help="Print the description of the REST API (OpenAPI 3.1).")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Write it there.")
@placed
def openapi(it: Workplace, output: Path | None) -> None:
    """Print the OpenAPI document that a service with these settings has at /openapi.json.

    What the settings switch off is not in it. Nothing is connected to, nothing has to run. It is JSON in any case;
    with -o, --json says as JSON what was written.

    \b
    chitram openapi -o chitram.json
    chitram openapi | jq '.paths | keys'
    """
    document = orjson.loads(describe_app(it.settings))
    printed = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
    if output is None:
        click.echo(printed)
        return
    _write(output, printed + "\n")
    fields = {"file": str(output), "openapi": document["openapi"], "version": document["info"]["version"]}
    paths = len(document["paths"])
    it.say({**fields, "paths": paths}, f"{output}: OpenAPI {document['openapi']} of {paths} addresses")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}. Name another FILE.") from error

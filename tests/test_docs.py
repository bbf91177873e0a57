"""What the documentation says is what the code does, and the other way round."""

import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
import yaml

from chitram.cli import main
from chitram.domain.api_key import LONGEST_LIFE, MAX_KEYS, SHORTEST_LIFE, ApiKey, Scope
from chitram.domain.errors import ChitramError
from chitram.domain.node_set import Action, RingNode
from chitram.handlers.api_keys import KeyRequest
from chitram.handlers.errors import FRAMEWORK_CODES
from chitram.handlers.openapi.document import describe
from chitram.handlers.present import API, key_fields
from chitram.handlers.ring_json import inspection_fields, plan_fields, report_fields
from chitram.handlers.routes import api_routes, description_routes, probe_routes
from chitram.metrics import Metrics
from chitram.services.node_set_ports import NodePlan, NodeSet
from chitram.services.ring_dip import Dip
from chitram.services.ring_ports import Holding, Inspection, RingEvent, RingMap
from chitram.services.ring_report import report_of
from chitram.services.uploads import UploadLimits
from chitram.settings import Settings

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def written(pattern: str, *names: str) -> set[str]:
    """Every match of *pattern* in the named documents."""
    return {match for name in names for match in re.findall(pattern, (DOCS / name).read_text())}


def test_every_setting_is_documented_and_exists():
    """By its environment name."""
    table = (DOCS / "operations.md").read_text().partition("## Settings")[2].partition("\n## ")[0]
    rows = "\n".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
    assert set(re.findall(r"`([A-Z][A-Z0-9_]+)`", rows)) == {name.upper() for name in Settings.model_fields}


def test_every_service_of_the_installation_is_documented():
    """By its name in `compose.yaml`."""
    services = set(yaml.safe_load((ROOT / "compose.yaml").read_text())["services"])
    rows = written(r"(?m)^\| (`[a-z].*?) \|", "operations.md")
    assert services <= set(re.findall(r"`([\w-]+)`", str(rows)))


def test_every_metric_is_documented_and_exists():
    """Apart from those of the process itself."""
    metrics = Metrics(version="1")
    exposed = re.findall(r"^# HELP (\S+)", metrics.expose()[0].decode(), re.MULTILINE)
    ours = {name for name in exposed if name.startswith(("chitram_", "ring_"))}
    table = (DOCS / "operations.md").read_text().partition("## Metrics")[2].partition("\n## ")[0]
    first = "\n".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", first)) == ours


def commands(group: click.Group = main, *names: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that can be called, by all of its words."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from commands(command, *names, name)
        else:
            yield " ".join([*names, name]), command


def called(words: list[str]) -> tuple[str, list[click.Command]]:
    """The command that is called by these words (which follow `chitram`), with the groups that lead there."""
    command: click.Command = main
    path, names = [command], list[str]()
    for word in words:
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(click.Context(command), word)
            assert found is not None, f"there is no `chitram {' '.join([*names, word])}`"
            command = found
            path.append(command)
            names.append(word)
    return " ".join(names), path


def test_every_command_is_documented_and_exists():
    """By its full name, between backticks."""
    pages = {page: (DOCS / page).read_text() for page in ("operations.md", "runbook.md", "../README.md")}
    calls = {page: re.findall(r"`chitram ([^`]+)`", text) for page, text in pages.items()}
    named = {
        page: {called([word for word in call.split() if not word.startswith("-")])[0] for call in found}
        for page, found in calls.items()
    }
    assert {name for name, _ in commands()} <= named["operations.md"]


@pytest.mark.parametrize(("name", "command"), list(commands()), ids=[name for name, _ in commands()])
def test_every_command_teaches_by_an_example_that_can_be_called(name, command):
    """Its words and its options are those that there are; and what ends by itself speaks JSON."""
    text = command.help or ""
    examples = [line for line in text.splitlines() if re.match(r"\s*([A-Z_]+=\S+ )*chitram ", line)]
    assert any(f"chitram {name}" in line for line in examples), text
    for call in re.findall(r"chitram ((?:(?!\s\s|[|;]|&&|\bchitram\b).)+)", "\n".join(examples)):
        words = shlex.split(call)
        options = {word.partition("=")[0] for word in words if word.startswith("-")}
        known = {option for step in called(words)[1] for parameter in step.params for option in parameter.opts}
        assert options <= known, call
    if name not in {"up", "serve", "worker"}:
        assert any("--json" in parameter.opts for parameter in command.params)


def test_every_error_code_is_documented_and_exists():
    """With those that the framework's errors get."""

    def codes(kind: type[ChitramError]) -> set[str]:
        return {kind.code}.union(
            *(codes(child) for child in kind.__subclasses__() if child.__module__.startswith("chitram.domain"))
        )

    assert written(r"\| `([A-Z_]+)` \| \d{3} \|", "api.md") == codes(ChitramError) | set(FRAMEWORK_CODES.values())


@pytest.mark.parametrize(
    "route",
    [*api_routes(), *description_routes(), *probe_routes(metrics=True)],
    ids=lambda route: f"{route.method} {route.path}",
)
def test_every_address_is_documented(route):
    """Method and path, with its variables under their documented names."""
    path = re.sub(r"\{(\w+):[^/]*?\}(?=[/.]|$)", r"{\1}", route.path.removeprefix(API))
    path = path.replace("/i/{id}", "/i/{short}").replace("/t/{id}", "/t/{short}")
    text = (DOCS / "api.md").read_text()
    short = path.removeprefix("/images/{id}")
    assert f"`{route.method} {path}`" in text or f"{path}`" in text or f"`{short}`" in text, (route.method, path)


def test_every_scope_and_field_of_an_api_key_is_documented():
    """As the API shows them, with the secret that is shown once."""
    key = ApiKey(
        id="1",
        user_id="1",
        name="laptop",
        scopes=frozenset(Scope),
        created_at=datetime.now(UTC),
        expires_at=None,
        last_used_at=None,
    )
    text = (DOCS / "api.md").read_text().partition("### API keys")[2].partition("\n## ")[0]
    assert [name for name in (*key_fields(key), *KeyRequest.model_fields, "key") if f'"{name}"' not in text] == []
    assert set(re.findall(r"(?m)^\| `(\w+)` \|", text)) == set(Scope)
    assert f"{SHORTEST_LIFE.total_seconds():.0f} to {LONGEST_LIFE.total_seconds():.0f}" in text
    assert f"with {MAX_KEYS} keys" in text


def test_the_description_gives_the_same_codes_as_the_page():
    """In `api.md`: each code with its status, whichever operation it is; 404 and 405 are the addresses' own."""
    rows = (re.match(r"\| `([A-Z_]+)` \| (\d{3}) \|(.*)", line) for line in (DOCS / "api.md").read_text().splitlines())
    page = {(row[1], status) for row in rows if row for status in [row[2], *re.findall(r"[Ww]ith (\d{3}):", row[3])]}
    limits = UploadLimits(max_bytes=1, allowed_types=frozenset(), anonymous=True, concurrency=1, wait=1)
    document = describe([*api_routes(), *probe_routes(metrics=True)], version="1", limits=limits)
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    described = {
        (code, status)
        for operation in operations
        for status, answer in operation["responses"].items()
        for content in answer.get("content", {}).values()
        for code in content["schema"].get("properties", {}).get("code", {}).get("enum", ())
    }
    assert described | {("METHOD_NOT_ALLOWED", "405")} == page


def test_the_proxy_s_settings_are_those_that_were_tried():
    """A restart behind them fails nobody: `tests/integration/test_rolling_restart.py`."""
    block = (DOCS / "operations.md").read_text().partition("reverse_proxy")[2].partition("{")[2].partition("}")[0]
    said = {line.strip() for line in block.splitlines() if line.strip()}
    tried = {line.strip() for line in (ROOT / "deploy" / "proxy" / "Caddyfile").read_text().splitlines()}
    assert len(said) == 7
    assert said <= tried


def test_every_field_of_the_ring_is_documented():
    """Of the report, a node, an event, a plan and a key; and every change that can be made."""
    nodes = (RingNode("a", "h:1"),)
    stored = NodeSet(1, 0, 150, "00000000", nodes, {"a": 1.0}, 1.0)
    event = RingEvent(datetime.now(UTC), "a", "came", "")
    drawn = RingMap({}, {}, {}, 1)
    report = report_fields(
        report_of(stored, [], {}, {}, drawn, counted=True, events=[event], victims=(), since_change=None)
    )
    plan = plan_fields(NodePlan(1, {}, {}, 0.0, {}), Dip(0.0, None, None))
    key = inspection_fields(Inspection("image:1", 1, (Holding("a", "value"),), 1))
    fields = {*report, *report["nodes"][0], *report["events"][0], *plan, *plan["expected_hit_ratio"], *key, *Action}
    fields |= set(key["nodes"][0]) - {"node", "error"}
    text = (DOCS / "api.md").read_text().partition("## Administration")[2].partition("\n## ")[0]
    assert [name for name in sorted(fields) if f"`{name}`" not in text and f'"{name}"' not in text] == []


def test_every_local_link_leads_somewhere():
    """In the README and in every document."""
    for page in [*ROOT.glob("*.md"), *(ROOT / name / "README.md" for name in ("ring", "bench")), *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
            assert target.startswith(("http://", "https://")) or (page.parent / target).exists(), (page.name, target)

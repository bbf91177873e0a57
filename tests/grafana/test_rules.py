"""Prometheus' own tool on what it will be given: the exposition, the configuration, the rules and their tests."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from chitram.cli import main
from chitram.handlers.present import API
from tests.api import Client, upload
from tests.grafana.boards import BOARDS, panels
from tests.grafana.names import grouped, known, rules, used
from tests.servers.prometheus import GRAFANA

RUNBOOK = (GRAFANA.parent / "docs" / "runbook.md").read_text()
ALERTS = [rule["alert"] for rule in rules("alert")]


def run(*command: object, stdin: bytes | None = None) -> str:
    """What the tool says; fails with it."""
    done = subprocess.run([*map(str, command)], input=stdin, capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


async def test_the_exposition_has_no_lint(promtool: str, cached_service: Client):
    """After reads, writes and refusals, so that every family has rows."""
    image = await upload(cached_service)
    for path in (f"{API}/images/{image['id']}", f"{API}/images", "/nowhere"):
        async with cached_service.get(path):
            pass
    async with cached_service.get("/metrics") as answer:
        text = await answer.read()
    assert run(promtool, "check", "metrics", stdin=text) == ""


def test_the_configuration_and_the_rules_are_valid(promtool: str):
    """With every file that they name."""
    assert "SUCCESS" in run(promtool, "check", "config", GRAFANA / "prometheus.yml")
    assert "SUCCESS" in run(promtool, "check", "rules", *(GRAFANA / "rules").glob("*.yml"))


def test_every_alert_fires_and_is_silent_when_it_should(promtool: str):
    """In Prometheus' own test of the rules."""
    assert "SUCCESS" in run(promtool, "test", "rules", GRAFANA / "rules_test.yml")


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_test_of_both(alert: str):
    """An alert that was never seen to be silent is noise."""
    cases = [
        bool(check["exp_samples"])
        for test in yaml.safe_load((GRAFANA / "rules_test.yml").read_text())["tests"]
        for check in test["promql_expr_test"]
        if f'alertname="{alert}"' in check["expr"]
    ]
    assert True in cases
    assert False in cases


@pytest.mark.parametrize("rule", rules("alert"), ids=lambda rule: str(rule["alert"]))
def test_every_alert_says_what_it_is_and_what_to_do(rule):
    """How urgent, a sentence, why, and a heading of the runbook with three answers."""
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"].endswith(f"docs/runbook.md#{rule['alert'].lower()}")
    answer = RUNBOOK.partition(f"\n## {rule['alert']}\n")[2].partition("\n## ")[0]
    for part in ("**Means**", "**See**", "**Do**", "**Do not**"):
        assert part in answer, part


def test_every_heading_of_the_runbook_is_an_alert():
    """In the order of the rules."""
    assert re.findall(r"^## (\w+)$", RUNBOOK, re.MULTILINE) == ALERTS


def test_the_runbook_s_commands_exist():
    """Nobody wants to find out at night."""
    asked = set(re.findall(r"`chitram (\w+(?: [a-z]+)?)", RUNBOOK))
    assert len(asked) > 5
    for words in map(str.split, asked):
        shown = CliRunner().invoke(main, [*words, "--help"])
        assert (shown.exit_code, " ".join(words) in shown.output) == (0, True), words


def test_the_runbook_s_panels_exist():
    """Of those after a dashboard's name the first is looked up; what follows may be words."""
    titles = {panel["title"] for board in BOARDS.values() for panel in panels(board)}
    named = re.findall(r"\*(?:Overview|Cache ring|Abuse and safety)\*: ([A-Z][^.;,]*)", RUNBOOK.replace("\n", " "))
    assert len(named) > 15
    assert {re.split(r" beside| against|\?", name)[0] for name in named} <= titles


def test_rules_name_what_the_code_has_and_no_bare_threshold():
    """Every metric, every label; numbers stand in the first group."""
    labels = known()
    for rule in [*rules("alert"), *rules("record")]:
        for name, matchers in used(rule["expr"]):
            assert name in labels, name
            assert set(matchers) <= labels[name], name
        assert grouped(rule["expr"]) <= set().union(*labels.values())
    thresholds = {rule["record"] for rule in rules("record") if ":threshold:" in rule["record"]}
    asked = {name for rule in rules("alert") for name, _ in used(rule["expr"])}
    assert thresholds == {name for name in asked if ":threshold:" in name}
    for rule in rules("alert"):
        assert not re.search(r"[<>]=?\s*0*[1-9.]", rule["expr"].replace("> 1\n", "")), rule["alert"]


def test_the_exporter_s_nodes_are_those_of_the_ring(tmp_path: Path):
    """The label `node` means the same in both."""
    config = yaml.safe_load((GRAFANA / "prometheus.yml").read_text())
    redis = next(job for job in config["scrape_configs"] if job["job_name"] == "redis")
    assert [(target["labels"]["node"], target["targets"]) for target in redis["static_configs"]] == [
        (name, [f"redis://redis-{name}:6379"]) for name in "abc"
    ]

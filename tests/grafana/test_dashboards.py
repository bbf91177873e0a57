"""The dashboards are whole: every panel explains itself, and asks for what the code really has."""

import re
from itertools import combinations

import pytest
import yaml

from tests.grafana.boards import BOARDS, Query, annotations, panels, queries
from tests.grafana.names import grouped, known, rules, used
from tests.servers.prometheus import GRAFANA

KINDS = {"timeseries", "stat", "state-timeline", "bargauge", "heatmap"}
every_board = pytest.mark.parametrize("name", BOARDS)


def test_each_has_an_address_of_its_own_and_leads_to_the_others():
    """Links keep the time and the variables."""
    uids = {board["uid"] for board in BOARDS.values()}
    assert uids == {"chitram-overview", "chitram-ring", "chitram-safety"}
    for board in BOARDS.values():
        assert {link["url"] for link in board["links"]} == {f"/d/{uid}" for uid in uids - {board["uid"]}}
        assert all(link["keepTime"] and link["includeVars"] for link in board["links"])


@every_board
def test_it_is_provisioned_and_of_today_s_schema(name: str):
    """Nobody edits what the next start throws away."""
    board = BOARDS[name]
    assert board["editable"] is False
    assert board["schemaVersion"] >= 39
    assert board["title"]
    assert "id" not in board


@every_board
def test_every_panel_explains_itself(name: str):
    """Title, description, unit, and a data source that can be chosen."""
    for panel in panels(BOARDS[name]):
        assert panel["type"] in KINDS, panel["title"]
        assert panel["title"]
        assert len(panel["description"]) > 15, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(set(letters)) == len(letters)


@every_board
def test_panels_have_numbers_and_places_of_their_own(name: str):
    """Within the 24 columns."""
    shown = BOARDS[name]["panels"]
    assert len({panel["id"] for panel in shown}) == len(shown)
    places = [(panel["title"], panel["gridPos"]) for panel in shown]
    for title, place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= 24, title
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, (one, other)


@every_board
def test_every_variable_is_defined_and_used(name: str):
    """And says "all" at first."""
    board = BOARDS[name]
    defined = {variable["name"] for variable in board["templating"]["list"]}
    mine = [query.expr for query in [*queries(), *annotations()] if query.board == name]
    asked = {found for expr in mine for found in re.findall(r"\$([a-z]\w*)", expr)}
    assert asked | {"datasource"} == defined
    for variable in board["templating"]["list"]:
        assert variable["type"] == "datasource" or (variable["includeAll"] and variable["allValue"] == ".*")


@pytest.mark.parametrize("query", [*queries(), *annotations()], ids=lambda query: f"{query.board}: {query.panel}")
def test_a_query_names_what_the_code_has(query: Query):
    """Every metric, every label; a misspelt one would draw an empty panel."""
    labels = known()
    asked = list(used(query.expr))
    assert asked
    for name, matchers in asked:
        assert name in labels, name
        assert set(matchers) <= labels[name], name
    everywhere = set().union(*(labels[name] for name, _ in asked), {"class"} if "label_replace" in query.expr else ())
    assert grouped(query.expr) <= everywhere
    assert set(re.findall(r"\{\{(\w+)\}\}", query.legend)) <= everywhere


def test_lines_are_where_the_alerts_are():
    """A panel's threshold is the rules' own."""
    limits = {
        rule["record"].rpartition(":")[2]: float(rule["expr"].removeprefix("vector(").removesuffix(")"))
        for rule in rules("record")
        if ":threshold:" in rule["record"]
    }
    lines = {
        "Errors": "error_ratio",
        "p95": "latency_seconds",
        "Hit ratio": "hit_ratio",
        "Queue": "queue_depth",
        "Storage used": "storage_ratio",
        "Sign-ins": "wrong_logins",
    }
    for board in BOARDS.values():
        for panel in panels(board):
            if panel["title"] in lines:
                steps = [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
                assert steps[-1] == limits[lines[panel["title"]]], panel["title"]


def test_provisioning_finds_the_data_source_and_the_dashboards():
    """By the names that the dashboards use."""
    sources = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text())
    assert [(source["type"], source["uid"], source["editable"]) for source in sources["datasources"]] == [
        ("prometheus", "prometheus", False)
    ]
    provider = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "chitram.yml").read_text())["providers"][0]
    assert provider["allowUiUpdates"] is False
    assert provider["options"]["path"].endswith("/dashboards")

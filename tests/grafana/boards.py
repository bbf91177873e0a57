"""The dashboards as Grafana reads them, and their queries as Prometheus gets them."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.servers.prometheus import GRAFANA

BOARDS: dict[str, dict[str, Any]] = {
    file.stem: json.loads(file.read_text()) for file in sorted((GRAFANA / "dashboards").glob("*.json"))
}
VARIABLES = {"$__rate_interval": "15s", "$__range": "5m", "$__interval": "5s", "$instance": ".*", "$node": ".*"}


class Query(NamedTuple):
    """One query of a panel."""

    board: str
    panel: str
    expr: str
    legend: str

    @property
    def per_node(self) -> bool:
        """Whether it draws a line for each node."""
        return "{{node}}" in self.legend

    @property
    def substituted(self) -> str:
        """Every variable at "All"."""
        return substituted(self.expr)


def substituted(expr: str) -> str:
    """Every variable at "All"."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that show something; rows only part them."""
    yield from (panel for panel in board["panels"] if panel["type"] != "row")


def queries() -> list[Query]:
    """Of every panel of every dashboard."""
    return [
        Query(name, panel["title"], target["expr"], target["legendFormat"])
        for name, board in BOARDS.items()
        for panel in panels(board)
        for target in panel["targets"]
    ]


def annotations() -> list[Query]:
    """What marks the changes of the ring."""
    return [
        Query(name, each["name"], each["expr"], each["titleFormat"])
        for name, board in BOARDS.items()
        for each in board["annotations"]["list"]
        if "expr" in each
    ]

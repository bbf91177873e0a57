"""Which metrics there are, with their labels, and which ones an expression uses."""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from chitram.metrics import Metrics
from tests.servers.prometheus import GRAFANA

RULES: dict[str, Any] = yaml.safe_load((GRAFANA / "rules" / "chitram.yml").read_text())
TARGET = {"instance", "job"}
REDIS = (
    "redis_memory_used_bytes",
    "redis_memory_max_bytes",
    "redis_evicted_keys_total",
    "redis_connected_clients",
    "redis_commands_processed_total",
)
"""Of redis_exporter; that these exist the running stack shows."""

_SELECTOR = re.compile(r"\b((?:chitram|ring|redis)[_:][\w:]+|up)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"((?:[^\"\\]|\\.)*)\"")


def rules(kind: str) -> list[dict[str, Any]]:
    """All of a kind: `alert` or `record`."""
    return [rule for group in RULES["groups"] for rule in group["rules"] if kind in rule]


def known() -> dict[str, set[str]]:
    """The labels of every series that queries may name."""
    found: dict[str, set[str]] = {name: TARGET | {"node"} for name in REDIS} | {"up": TARGET}
    for family in Metrics(version="1").collect():
        labels = {*family._labelnames, *TARGET}  # type: ignore[attr-defined]  # the library shows them on samples only
        if family.type == "histogram":
            found |= {f"{family.name}_{part}": labels for part in ("sum", "count")}
            found[f"{family.name}_bucket"] = labels | {"le"}
        else:
            found[family.name + ("_total" if family.type == "counter" else "")] = labels
    return found | {rule["record"]: {"node"} for rule in rules("record")}


def used(expr: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each series that an expression names, with the labels that it asks for."""
    for name, matchers in _SELECTOR.findall(expr):
        yield name, dict(_MATCHER.findall(matchers))


def grouped(expr: str) -> set[str]:
    """The labels in its `by` and `on`."""
    lists = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expr)
    return {label.strip() for found in lists for label in found.split(",") if label.strip()}

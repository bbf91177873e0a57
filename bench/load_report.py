"""A run of `bench.load` as a section of Markdown: conditions, every kind of request, the cache, the cores."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.load_cpu import Sample, bottleneck

Marks = Sequence[tuple[float, str]]


@dataclass(frozen=True)
class Run:
    """What was measured. `marks` are seconds of the clock and what was done then."""

    command: str
    stack: str
    options: Mapping[str, Any]
    result: Mapping[str, Any]
    whole: Sample
    busiest: Sample
    load_before: float
    marks: Marks


def section(run: Run, plot: str) -> str:
    """Everything, ready to be pasted."""
    parts = [_conditions(run), _kinds(run.result), _facts(run), _cores(run), _picture(plot)]
    return "\n\n".join(part for part in parts if part) + "\n"


def paste(readme: Path, name: str, text: str) -> None:
    """Put a section between its markers. Raises SystemExit when there are none."""
    begin, end = f"<!-- load:{name} -->", f"<!-- /load:{name} -->"
    found = re.compile(re.escape(begin) + r".*?" + re.escape(end), re.DOTALL)
    if not found.search(readme.read_text()):
        raise SystemExit(f"{readme} has no {begin} … {end}: add them where the numbers should be")
    readme.write_text(found.sub(lambda _: f"{begin}\n{text}{end}", readme.read_text()))


def _conditions(run: Run) -> str:
    chosen = run.options
    weights = " : ".join(str(chosen[name]) for name in ("visitors", "api_clients", "uploaders"))
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    return (
        f"`{run.command}` on {datetime.now(UTC):%Y-%m-%d}: {run.stack}; {machine}; load average {run.load_before:.1f} "
        f"before. {chosen['users']:,} users ({chosen['shape']}, {chosen['seconds']:g} s; visitors : API clients : "
        f"uploaders = {weights}), {chosen['corpus']:,} pictures. Locust runs on the same cores."
    )


def _kinds(result: Mapping[str, Any]) -> str:
    rows = [_row(kind, result["kinds"][-1]["requests"]) for kind in result["kinds"]]
    head = "| request | share | requests | a second | p50 ms | p95 ms | p99 ms | failed |"
    return "\n".join([head, "|---" * 8 + "|", *rows])


def _row(kind: Mapping[str, Any], total: int) -> str:
    name = "**all**" if kind["name"] == "Aggregated" else kind["name"]
    share = kind["requests"] / total if total else 0.0
    times = " | ".join(f"{kind[part]:,.0f}" for part in ("p50", "p95", "p99"))
    return f"| {name} | {share:.1%} | {kind['requests']:,} | {kind['rate']:,.1f} | {times} | {kind['failures']:,} |"


def _facts(run: Run) -> str:
    caches, counted = run.result["caches"], run.result["counted"]
    reads = sum(caches.values())
    hits = sum(count for name, count in caches.items() if name.startswith("HIT"))
    lines = [
        f"stale reads: {run.result['stale']}",
        f"metadata reads: {reads:,}, of which hits {hits / reads if reads else 0:.1%} ({_list(caches)})",
        *([f"besides: {_list(counted)}"] if any(counted.values()) else []),
        "thresholds: " + ", ".join(f"{c['name']} {c['found']} ({c['wanted']})" for c in run.result["checks"]),
        f"bottleneck: {bottleneck(run.busiest, os.cpu_count() or 1)}",
    ]
    return "\n".join(f"* {line}" for line in lines)


def _cores(run: Run) -> str:
    rows = [f"| {name} | {used:.2f} | {run.busiest.cores.get(name, 0):.2f} |" for name, used in run.whole.cores.items()]
    rows.append(f"| the machine, others included | {run.whole.machine:.2f} | {run.busiest.machine:.2f} |")
    return "\n".join(["| cores used | whole run | busiest 10 s |\n|---|---|---|", *rows])


def _picture(plot: str) -> str:
    return f"![Users' requests, latency, hit ratio and cores over time]({plot})" if plot else ""


def _list(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda item: -item[1]) if count)

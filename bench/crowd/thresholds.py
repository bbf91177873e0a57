"""What must hold for a load to have passed, and the table that says whether it did."""

from collections.abc import Sequence
from typing import NamedTuple

from bench.crowd.options import Options
from bench.crowd.tallies import Tallies


class Check(NamedTuple):
    """One threshold: what was wanted, what came, whether that is enough."""

    name: str
    wanted: str
    found: str
    passed: bool


class Totals(NamedTuple):
    """Locust's numbers over all requests; percentiles in ms, `errors` are exceptions in the people's own code."""

    requests: int
    failures: int
    errors: int
    p95: float
    p99: float


def checks(options: Options, totals: Totals, tallies: Tallies) -> list[Check]:
    """Every threshold against what came."""
    failures = totals.failures + totals.errors
    return [
        Check("requests", "≥ 1", str(totals.requests), totals.requests >= 1),
        Check("failures", f"≤ {options.max_failures}", str(failures), failures <= options.max_failures),
        Check("stale reads", f"≤ {options.max_stale}", str(tallies.stale), tallies.stale <= options.max_stale),
        Check("p95", f"≤ {options.p95:g} ms", f"{totals.p95:g} ms", totals.p95 <= options.p95),
        Check("p99", f"≤ {options.p99:g} ms", f"{totals.p99:g} ms", totals.p99 <= options.p99),
        Check(
            "hit ratio",
            f"≥ {options.hit_ratio:.0%}",
            f"{tallies.hit_ratio:.1%}",
            tallies.hit_ratio >= options.hit_ratio,
        ),
    ]


def table(found: Sequence[Check]) -> str:
    """As Markdown, which reads well in a terminal too."""
    rows = [f"| {check.name} | {check.wanted} | {check.found} | {_word(check)} |" for check in found]
    return "\n".join(["| threshold | wanted | found | |", "|---|---|---|---|", *rows])


def _word(check: Check) -> str:
    return "pass" if check.passed else "**FAIL**"

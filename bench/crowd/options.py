"""What can be chosen for a load, on Locust's command line or in the environment."""

from argparse import ArgumentTypeError
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self
from urllib.parse import urlsplit

from configargparse import ArgumentParser

from bench.crowd.lines import SHAPES

PASSWORD = "only for load tests, on pictures of noise"
"""On this machine only."""
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, kw_only=True)
class Options:
    """Times in seconds, latencies in milliseconds, ratios from 0 to 1."""

    visitors: int
    api_clients: int
    uploaders: int
    corpus: int
    skew: float
    pace: float
    pixels: float
    seed: int
    shape: str
    allow_host: str
    password: str = field(repr=False)
    result: str
    max_failures: int
    max_stale: int
    p95: float
    p99: float
    hit_ratio: float

    @classmethod
    def of(cls, parsed: Any) -> Self:
        """From what Locust has parsed."""
        return cls(**{field.name: getattr(parsed, field.name) for field in fields(cls)})

    def shown(self) -> dict[str, Any]:
        """What may be printed and kept."""
        return {name: value for name, value in asdict(self).items() if name != "password"}

    def refuse_strangers(self, host: str | None) -> None:
        """A load goes to this machine, or to a host that was named a second time. Raises SystemExit."""
        name = urlsplit(host or "").hostname
        if name is None:
            raise SystemExit("Where to? Add --host http://127.0.0.1:8000.")
        if name not in _HERE and name != self.allow_host:
            raise SystemExit(f"{name} is not this machine. If it is yours to load, add --allow-host {name}.")
        if name not in _HERE and self.password == PASSWORD:
            raise SystemExit("The accounts that it opens need a password that others do not know: set LOAD_PASSWORD.")


def add_options(parser: ArgumentParser) -> None:
    """Everything of `Options`, each with its environment variable LOAD_…"""
    group = parser.add_argument_group("Chitram", "Who comes, to what, and what must hold. Each also as LOAD_NAME.")

    def add(name: str, kind: Any, default: Any, words: str) -> None:
        variable = "LOAD_" + name.upper().replace("-", "_")
        group.add_argument(f"--{name}", type=kind, default=default, env_var=variable, help=f"{words} ({default})")

    add("visitors", int, 70, "Weight of people who look")
    add("api-clients", int, 20, "Weight of programs that read")
    add("uploaders", int, 10, "Weight of people who upload, edit and delete")
    add("corpus", int, 200, "Public pictures that are there before it begins; those that are missing are uploaded")
    add("skew", float, 1.0, "Exponent of Zipf's law for which of them the programs ask for")
    add("pace", _positive, 1.0, "Factor on every think time")
    add("pixels", _positive, 1.0, "Factor on the sides of uploaded pictures")
    add("seed", int, 1, "What everybody does, drawn anew")
    add("shape", _shape, "", f"One of {', '.join(SHAPES)}: -u is then its peak and -t how long it takes")
    add("allow-host", str, "", "The host's name once more, if it is not this machine")
    add("password", str, PASSWORD, "Of the accounts that it opens")
    add("result", str, "", "A file for the numbers as JSON")
    add("max-failures", int, 0, "Failed requests that are let pass")
    add("max-stale", int, 0, "Stale reads that are let pass")
    add("p95", float, 500.0, "Limit of the 95th percentile in ms")
    add("p99", float, 1500.0, "Limit of the 99th percentile in ms")
    add("hit-ratio", float, 0.0, "Least share of metadata reads that must be hits")


def _positive(text: str) -> float:
    number = float(text)
    if number <= 0:
        raise ArgumentTypeError("use a number above 0")
    return number


def _shape(text: str) -> str:
    if text and text not in SHAPES:
        raise ArgumentTypeError(f"use one of {', '.join(SHAPES)}")
    return text

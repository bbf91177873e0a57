"""One command for a load: start a stack, let Locust's users at it, print what came of it. Only on this machine.

    python -m bench.load --users 1000 --seconds 120 --shape plateau
    python -m bench.load --stack postgres --processes 2
    python -m bench.load --shape failover --users 200

Everything is written to `--out` (bench/results/load): Locust's HTML report and CSV files, result.json, section.md and,
with the `bench` group installed, load.png. `--paste NAME` also puts the section between NAME's markers in
bench/README.md. What is not an option here goes to Locust as it is (`--pace 0.5 --p99 2000`). The exit code is
Locust's: 0 if every threshold holds.
"""

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from bench.crowd.lines import SHAPES
from bench.load_cpu import Sampler
from bench.load_report import Run, paste, section
from bench.load_stack import STACKS, Node, Stack

HERE = Path(__file__).parent
SET_UP_WITHIN = 300.0
BEGINS = "the load begins"

Event = tuple[float, str, str, Callable[[Node], None]]
"""When (share of the length), how the plot calls it, which node, and what is done to it."""
FAILOVER: Sequence[Event] = (
    (0.25, "a killed", "a", lambda node: node.kill()),
    (0.35, "a started", "a", lambda node: node.spawn()),
    (0.55, "b frozen", "b", lambda node: node.pause()),
    (0.75, "b thawed", "b", lambda node: node.resume()),
)


def main() -> int:
    """Run it."""
    options, rest = _parser().parse_known_args()
    options.out.mkdir(parents=True, exist_ok=True)
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="chitram-") as directory, STACKS[options.stack](Path(directory)) as stack:
        print(f"{stack.name}: {stack.url}; reports go to {options.out}", flush=True)
        load = Load(stack, options, rest)
        code = load.run()
        for log in Path(directory).glob("*.log"):
            shutil.copy(log, options.out)
    result = json.loads((options.out / "result.json").read_text())
    plot = _plot(result, load, options)
    sampler, chosen = load.sampler, {**vars(options), **result["options"]}
    command = shlex.join(["python", "-m", "bench.load", *_said(sys.argv[1:])])
    run = Run(command, stack.name, chosen, result, sampler.whole(), sampler.busiest(), before, load.marks)
    text = section(run, plot)
    (options.out / "section.md").write_text(text)
    print(text)
    if options.paste:
        paste(HERE / "README.md", options.paste, text)
    return code


class Load:
    """Locust on a stack: watched while it runs, and ended when it does not end by itself."""

    def __init__(self, stack: Stack, options: argparse.Namespace, rest: list[str]) -> None:
        self.sampler = Sampler()
        self.marks: list[tuple[float, str]] = []
        self._stack = stack
        self._options = options
        self._command = _locust(stack, options, rest)
        self._began = 0.0

    def run(self) -> int:
        """Locust's exit code."""
        deadline = time.time() + SET_UP_WITHIN + self._options.seconds + 60
        locust = subprocess.Popen(self._command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True)
        reader = threading.Thread(target=self._read, args=(locust,))
        reader.start()
        events = list(FAILOVER if self._options.shape == "failover" else ())
        while locust.poll() is None:
            self._watch(locust.pid, events)
            if time.time() > deadline:
                locust.kill()
        reader.join()
        return locust.returncode

    def _watch(self, pid: int, events: list[Event]) -> None:
        time.sleep(1.0)
        if not self._began:
            return
        self.sampler.look({**self._stack.parts(), "Locust": _family(pid)})
        while events and time.time() - self._began >= events[0][0] * self._options.seconds:
            _, name, node, strike = events.pop(0)
            strike(self._stack.nodes[node])
            self.marks.append((time.time(), name))

    def _read(self, locust: "subprocess.Popen[str]") -> None:
        assert locust.stdout is not None
        for line in locust.stdout:
            if line.strip() == BEGINS:
                self._began = time.time()
            print(line, end="", flush=True)
        locust.stdout.close()


def _locust(stack: Stack, options: argparse.Namespace, rest: list[str]) -> list[str]:
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "locustfile.py"), "--headless", "--host", stack.url]
    command += ["-u", str(options.users), "-t", f"{options.seconds:g}s", "--shape", options.shape]
    command += ["--html", str(options.out / "report.html"), "--csv", str(options.out / "stats"), "--only-summary"]
    command += ["--result", str(options.out / "result.json"), "--stop-timeout", "5"]
    if options.processes > 1:
        command += ["--processes", str(options.processes)]
    return [*command, *rest]


def _family(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _said(arguments: list[str]) -> list[str]:
    """What matters for repeating it: not where it was written to."""
    elsewhere = {number for number, word in enumerate(arguments) if word in {"--out", "--paste"}}
    return [word for number, word in enumerate(arguments) if not {number, number - 1} & elsewhere]


def _plot(result: dict[str, Any], load: Load, options: argparse.Namespace) -> str:
    """Draw it, and say where the section finds it; nothing without matplotlib."""
    try:
        from bench.load_plot import draw  # noqa: PLC0415  matplotlib is in the bench group only
    except ImportError:
        print("no plot without matplotlib: .venv/bin/uv sync --group bench", file=sys.stderr)
        return ""
    draw(result["seconds"], load.sampler.samples, load.marks, options.out / "load.png")
    if not options.paste:
        return "load.png"
    kept = HERE / "plots" / f"load-{options.paste}.png"
    shutil.copy(options.out / "load.png", kept)
    return f"plots/{kept.name}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench.load", description=__doc__, formatter_class=_Raw)
    parser.add_argument("--users", type=int, default=1000, help="how many there are at the peak")
    parser.add_argument("--seconds", type=float, default=120, help="how long, the set-up not included")
    parser.add_argument("--shape", choices=tuple(SHAPES), default="plateau", help="failover: a is killed, b is frozen")
    parser.add_argument("--stack", choices=tuple(STACKS), default="embedded")
    parser.add_argument("--processes", type=int, default=1, help="of Locust")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "load")
    parser.add_argument("--paste", default="", metavar="NAME", help="put the section into bench/README.md")
    return parser


class _Raw(argparse.RawDescriptionHelpFormatter, argparse.ArgumentDefaultsHelpFormatter):
    pass


if __name__ == "__main__":
    sys.exit(main())

"""Runs the model on many seeds, on all cores, or replays one of them.

    python -m tests.ring.schedules 100000                  seeds 0 to 99999
    python -m tests.ring.schedules 50000 --start 50000     the second half of them, at another time or elsewhere
    python -m tests.ring.schedules --seed 4711             this one

Ends with 1 if a seed failed, and says how to replay it: always the lowest one that fails.
"""

import argparse
import gc
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

from tests.ring.model import run_many

BATCH = 50
REPLAY = "python -m tests.ring.schedules --seed"


def run_batch(seeds):
    """Run seeds up to the first that fails: how many reads were checked, and that seed with what it says, if any."""
    reads = 0
    for seed in seeds:
        try:
            reads += run_many([seed])
        except Exception:  # whatever it is, it belongs to this seed
            return reads, (seed, traceback.format_exc())
    return reads, None


def run_all(seeds, progress):
    """Run the seeds on all cores; what `run_batch` says, of all of them or of those up to the first that failed."""
    batches = [seeds[first : first + BATCH] for first in range(0, len(seeds), BATCH)]
    reads = 0
    with ProcessPoolExecutor(initializer=gc.freeze) as cores:
        for batch, (checked, failure) in zip(batches, cores.map(run_batch, batches), strict=True):
            reads += checked
            if failure:
                cores.shutdown(wait=False, cancel_futures=True)
                return reads, failure
            progress(batch[-1] + 1 - seeds[0])
    return reads, None


class Progress:
    """Says how far it is, how fast, and how long it will take: in one line on a terminal, else now and then."""

    def __init__(self, total):
        self._total, self._began, self._said = total, time.monotonic(), 0.0
        self._terminal = sys.stderr.isatty()

    def __call__(self, done):
        now = time.monotonic()
        if done < self._total and now - self._said < (1.0 if self._terminal else 30.0):
            return
        self._said = now
        rate = done / (now - self._began)
        left = (self._total - done) / rate / 60
        text = f"{done} of {self._total} schedules, {rate:.1f} a second, {left:.1f} minutes left"
        print(text, end="\r" if self._terminal else "\n", file=sys.stderr, flush=True)  # noqa: T201  # a command


def main(arguments=None):
    """Run what the command line asks for; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.ring.schedules", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("count", nargs="?", type=int, default=2000, help="how many seeds (2000)")
    parser.add_argument("--start", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--seed", type=int, help="replay this one alone")
    asked = parser.parse_args(arguments)
    if asked.count < 1:
        parser.error("count must be at least 1")
    seeds = range(asked.start, asked.start + asked.count) if asked.seed is None else range(asked.seed, asked.seed + 1)
    reads, failure = run_all(seeds, Progress(len(seeds))) if len(seeds) > 1 else run_batch(seeds)
    if failure:
        seed, what = failure
        print(f"\n{what}\nseed {seed} failed; to replay it: {REPLAY} {seed}", file=sys.stderr)  # noqa: T201  # a command
        return 1
    print(f"{len(seeds)} schedules from seed {seeds[0]}, {reads} reads, none stale")  # noqa: T201  # a command
    return 0


if __name__ == "__main__":
    sys.exit(main())

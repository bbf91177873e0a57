"""What a run of `bench.failover` has measured, and what it comes to."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

BUCKET = 0.25
"""Seconds."""
FULL = 0.99
"""A hit ratio, over a second, that counts as full: writes cost hits all the time."""


WINDOW = 4.0
"""Seconds after an event in which writes may wait: until the fence is known for `d_wait`."""


class Read(NamedTuple):
    """When it was due (s from the start), its latency from then on (s), how late it was sent (s), and `X-Cache`."""

    due: float
    latency: float
    late: float
    cache: str


class Write(NamedTuple):
    """When it was sent, how long it took, and the answer's status."""

    sent: float
    latency: float
    status: int


class Slice(NamedTuple):
    """One bucket of reads."""

    at: float
    p50: float
    p99: float
    hit_ratio: float
    failed: int


class Result:
    """All reads and writes of one scenario."""

    def __init__(self) -> None:
        self.reads: list[Read] = []
        self.writes: list[Write] = []
        self.events: list[tuple[float, str]] = []
        self.stale = 0

    def slices(self) -> list[Slice]:
        """The reads by the time when they were due."""
        buckets: dict[int, list[Read]] = defaultdict(list)
        for read in self.reads:
            buckets[int(read.due / BUCKET)].append(read)
        return [_slice(number * BUCKET, buckets[number]) for number in sorted(buckets)]

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        return sum(read.cache == "failed" for read in self.reads) + sum(write.status != 200 for write in self.writes)

    @property
    def by_cache(self) -> Counter[str]:
        """Reads by `X-Cache`."""
        return Counter(read.cache for read in self.reads)

    def recovery(self, event: str) -> int:
        """Whole seconds from an event until the hit ratio is full and stays so, up to the next event."""
        began, ends = self._until_next(event)
        seconds = {int(read.due - began) for read in self.reads if began <= read.due < ends}
        return max((second + 1 for second in seconds if self._hit_ratio(began + second) < FULL), default=0)

    def first_hit(self, event: str) -> float:
        """Seconds from an event to the first hit."""
        began, ends = self._until_next(event)
        return min(read.due for read in self.reads if read.cache == "HIT" and began < read.due < ends) - began

    def _until_next(self, event: str) -> tuple[float, float]:
        began = next(at for at, name in self.events if name == event)
        return began, min((at for at, _ in self.events if at > began), default=math.inf)

    def _hit_ratio(self, began: float) -> float:
        caches = [read.cache for read in self.reads if began <= read.due < began + 1]
        return caches.count("HIT") / len(caches)


def table(one: Result, every: Result) -> str:
    """Both scenarios in numbers, as Markdown."""
    rows = [
        ("reads", *(f"{len(result.reads):,}" for result in (one, every))),
        ("by `X-Cache`", *(_counted(result.by_cache) for result in (one, every))),
        ("writes", *(str(len(result.writes)) for result in (one, every))),
        ("failed requests", *(str(result.failed) for result in (one, every))),
        ("stale reads", *(str(result.stale) for result in (one, every))),
        ("p50", *(_ms(_share([read.latency for read in r.reads], 0.5)) for r in (one, every))),
        ("p99 over the whole run", *(_ms(_share([read.latency for read in r.reads], 0.99)) for r in (one, every))),
        ("worst read", *(_ms(max(read.latency for read in r.reads)) for r in (one, every))),
        ("generator late, p99", *(_ms(_share([read.late for read in r.reads], 0.99)) for r in (one, every))),
        ("reads that were no hit", *(f"{_no_hit(result):.1%}" for result in (one, every))),
        ("first hit after the return", "", f"{every.first_hit('all back'):.1f} s"),
        ("full hit ratio after the return, the thaw", f"{one.recovery('a back')} s, {one.recovery('b thawed')} s", ""),
        ("writes over 1 s", *(_delayed(result) for result in (one, every))),
    ]
    head = "| | one node killed, one frozen | every node dead for a minute |\n|---|---|---|"
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in rows)])


def _delayed(result: Result) -> str:
    delayed = [write for write in result.writes if write.latency > 1]
    longest = max((write.latency for write in result.writes), default=0.0)
    moments = [f"{len(group)} in the {WINDOW:g} s after *{name}*" for name, group in _after(result, delayed)]
    return f"{', '.join(moments)}, {len(delayed)} in all; longest {longest:.2f} s"


def _after(result: Result, writes: Sequence[Write]) -> list[tuple[str, list[Write]]]:
    groups = [(name, [write for write in writes if at <= write.sent < at + WINDOW]) for at, name in result.events]
    return [(name, group) for name, group in groups if group]


def _no_hit(result: Result) -> float:
    return 1 - result.by_cache["HIT"] / len(result.reads)


def _slice(at: float, reads: Sequence[Read]) -> Slice:
    latencies = [read.latency for read in reads]
    hits = sum(read.cache == "HIT" for read in reads) / len(reads)
    return Slice(
        at, _share(latencies, 0.5), _share(latencies, 0.99), hits, sum(read.cache == "failed" for read in reads)
    )


def _share(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"

"""What is counted beside Locust's own statistics, added up over its processes."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

_SENTENCES = 20
METADATA = ("HIT", "MISS", "STALE", "DISABLED")


class Second:
    """What was answered in one second of the clock: latencies in ms, failures, metadata reads and hits among them."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.failed = 0
        self.reads = 0
        self.hits = 0


class Tallies:
    """Counts of one process, or of all of them."""

    def __init__(self) -> None:
        self.caches: Counter[str] = Counter()
        self.counted: Counter[str] = Counter()
        self.stale = 0
        self.sentences: list[str] = []
        self.seconds: defaultdict[int, Second] = defaultdict(Second)

    def metadata(self, second: float, cache: str, node: str) -> None:
        """Count a metadata read by `X-Cache` and `X-Cache-Node`."""
        self.caches[f"{cache} {node}".strip()] += 1
        self.seconds[int(second)].reads += 1
        self.seconds[int(second)].hits += cache == "HIT"

    def request(self, second: float, latency: float, *, failed: bool) -> None:
        """Count any request for the curves over time."""
        self.seconds[int(second)].latencies.append(round(latency, 1))
        self.seconds[int(second)].failed += failed

    def accuse(self, sentence: str) -> None:
        """Count a stale read and keep the first sentences about them."""
        self.stale += 1
        if len(self.sentences) < _SENTENCES:
            self.sentences.append(sentence)

    @property
    def hit_ratio(self) -> float:
        """Of metadata reads; 0 without any."""
        reads = sum(self.caches.values())
        hits = sum(count for name, count in self.caches.items() if name.partition(" ")[0] == "HIT")
        return hits / reads if reads else 0.0

    def take(self) -> dict[str, Any]:
        """Everything as plain values, and begin anew: what a worker reports."""
        plain = {
            "caches": dict(self.caches),
            "counted": dict(self.counted),
            "stale": self.stale,
            "sentences": self.sentences,
            "seconds": [[at, s.latencies, s.failed, s.reads, s.hits] for at, s in self.seconds.items()],
        }
        self.__init__()  # type: ignore[misc]  # nothing of it is kept
        return plain

    def add(self, plain: dict[str, Any]) -> None:
        """Take in what another process has reported."""
        self.caches.update(plain["caches"])
        self.counted.update(plain["counted"])
        self.stale += plain["stale"]
        self.sentences = (self.sentences + plain["sentences"])[:_SENTENCES]
        for at, latencies, failed, reads, hits in plain["seconds"]:
            second = self.seconds[at]
            second.latencies += latencies
            second.failed += failed
            second.reads += reads
            second.hits += hits

    def curves(self) -> list[dict[str, float]]:
        """Second by second."""
        return [_curve(at, self.seconds[at]) for at in sorted(self.seconds)]


def share(values: Iterable[float], part: float) -> float:
    """A percentile; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def _curve(at: int, second: Second) -> dict[str, float]:
    return {
        "at": at,
        "requests": len(second.latencies),
        "failed": second.failed,
        "p50": share(second.latencies, 0.5),
        "p99": share(second.latencies, 0.99),
        "reads": second.reads,
        "hits": second.hits,
    }

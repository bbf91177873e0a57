"""What a run has counted, and how it is printed."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Report:
    """Counts of one run. `stale` and `failed` hold a sentence for each; both must stay empty."""

    reads: Counter[str] = field(default_factory=Counter)
    writes: Counter[str] = field(default_factory=Counter)
    stale: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    lost: int = 0
    """Requests under way in a process when it was killed: nobody could have answered them."""
    latencies: list[float] = field(default_factory=list)
    """Of reads, in seconds, but for those to a process that was frozen meanwhile."""
    worst: str = ""
    """Which read took longest."""
    _longest: float = 0.0
    longest_write: float = 0.0
    """In seconds, among those during which no process stood still: a frozen one may hold a row's lock."""

    def took(self, seconds: float, what: str) -> None:
        """Count a read's latency."""
        if seconds > self._longest:
            self._longest, self.worst = seconds, what
        self.latencies.append(seconds)

    def lines(self, faults: Counter[str]) -> str:
        """For people."""
        ordered = sorted(self.latencies) or [0.0]
        rows = {
            "reads": f"{self.reads.total()}: {_listed(self.reads)}",
            "writes": f"{self.writes.total()}: {_listed(self.writes)}",
            "faults": f"{faults.total()}: {_listed(faults)}",
            "stale reads": len(self.stale),
            "failed requests": f"{len(self.failed)} ({self.lost} lost with a killed process)",
            "read latency": f"p50 {_ms(ordered, 0.5)}, p99 {_ms(ordered, 0.99)}, worst {_ms(ordered, 1)}",
            "worst read": self.worst,
            "longest write": f"{self.longest_write:.3f} s",
        }
        return "\n".join(f"{name:<16} {value}" for name, value in rows.items())


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def _ms(ordered: list[float], share: float) -> str:
    return f"{ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000:.1f} ms"

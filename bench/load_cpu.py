"""Who uses the cores during a load: CPU time of every part, second by second."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

LOOP = "service: event loop"
THREADS = "service: threads"
WINDOW = 10


@dataclass(frozen=True)
class Sample:
    """Cores that each part used since the sample before: 1.0 is one core. `busiest_loop` is of one process."""

    at: float
    cores: Mapping[str, float]
    busiest_loop: float
    machine: float


class Sampler:
    """Looks at processes by part. A process that was not there at the look before counts from the next one on."""

    def __init__(self) -> None:
        self.samples: list[Sample] = []
        self._before: dict[tuple[str, int], float] = {}
        self._at = 0.0
        self._machine = 0.0

    def look(self, parts: Mapping[str, list[psutil.Process]]) -> None:
        """Take a sample."""
        now, busy = time.time(), _machine_seconds()
        times = {key: seconds for part, processes in parts.items() for key, seconds in _times(part, processes)}
        if self._before:
            passed = now - self._at
            used = {key: (seconds - self._before.get(key, seconds)) / passed for key, seconds in times.items()}
            cores: dict[str, float] = dict.fromkeys((part for part, _ in times), 0.0)
            for (part, _), share in used.items():
                cores[part] += max(share, 0.0)
            loops = [share for (part, _), share in used.items() if part == LOOP]
            self.samples.append(Sample(now, cores, max(loops, default=0.0), (busy - self._machine) / passed))
        self._before, self._at, self._machine = times, now, busy

    def busiest(self) -> Sample:
        """The mean of the ten seconds in which the machine was busiest."""
        spans = [self.samples[first : first + WINDOW] for first in range(max(1, len(self.samples) - WINDOW + 1))]
        return _mean(max(spans, key=lambda span: sum(sample.machine for sample in span)))

    def whole(self) -> Sample:
        """The mean of all of it."""
        return _mean(self.samples)


def bottleneck(busiest: Sample, cores: int) -> str:
    """What was used up in the busiest seconds, as a sentence."""
    others = {"other programs": busiest.machine - sum(busiest.cores.values())}
    largest = sorted({**busiest.cores, **others}.items(), key=lambda item: -item[1])
    users = ", ".join(f"{name} {used:.2f}" for name, used in largest if used >= 0.05)
    if busiest.machine >= 0.9 * cores:
        return f"the machine: {busiest.machine:.2f} of {cores} cores in use ({users})"
    if busiest.busiest_loop >= 0.9:
        return f"one event loop of the service: {busiest.busiest_loop:.2f} of its core ({users})"
    if busiest.cores.get("Locust", 0.0) >= 0.9:
        return f"Locust itself: {busiest.cores['Locust']:.2f} cores ({users})"
    return f"none: {busiest.machine:.2f} of {cores} cores in use ({users})"


def _times(part: str, processes: list[psutil.Process]) -> list[tuple[tuple[str, int], float]]:
    found = []
    for process in processes:
        try:
            times = process.cpu_times()
            seconds = times.user + times.system
            if part != "service":
                found.append(((part, process.pid), seconds))
                continue
            loop = next(t.user_time + t.system_time for t in process.threads() if t.id == process.pid)
            found += [((LOOP, process.pid), loop), ((THREADS, process.pid), max(0.0, seconds - loop))]
        except (psutil.Error, StopIteration):  # it ended while it was looked at
            continue
    return found


def _machine_seconds() -> float:
    times = psutil.cpu_times()
    idle = float(times.idle + getattr(times, "iowait", 0.0))
    return float(sum(times)) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)


def _mean(samples: list[Sample]) -> Sample:
    if not samples:
        return Sample(0.0, {}, 0.0, 0.0)
    count, names = len(samples), {name: None for sample in samples for name in sample.cores}
    cores = {name: sum(sample.cores.get(name, 0.0) for sample in samples) / count for name in names}
    loop, machine = (sum(getattr(sample, name) for sample in samples) / count for name in ("busiest_loop", "machine"))
    return Sample(samples[0].at, cores, loop, machine)

"""Families of numbers by label, and how they become what Prometheus reads."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

Rows = Mapping[Any, float]
"""A value for each tuple of label values."""


class Histogram:
    """Observations counted by bucket."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def cumulative(self) -> list[tuple[str, float]]:
        """Prometheus' form: each bucket holds all that is smaller."""
        running, rows = 0, []
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            running += count
            rows.append(("+Inf" if bound == float("inf") else str(bound), float(running)))
        return rows

    def quantile(self, share: float) -> float | None:
        """Estimate below which value *share* of all observations lie, as PromQL does; ``None`` without any.

        Not more exact than the buckets: what lies above the last bound counts as that bound.
        """
        rank, below, lower = share * sum(self.counts), 0, 0.0
        for upper, count in zip(self.bounds, self.counts, strict=False):
            if count and below + count >= rank:
                return lower + (upper - lower) * (rank - below) / count
            below, lower = below + count, upper
        return self.bounds[-1] if self.counts[-1] else None


class Counts:
    """A counter. The rows that are *known* stand at 0 from the start: Prometheus sees no increase in a first value."""

    def __init__(
        self, name: str, text: str, labels: Sequence[str] = (), *, known: Iterable[tuple[str, ...]] = ()
    ) -> None:
        self._name, self._text, self._labels = name, text, labels
        self._rows: dict[tuple[str, ...], float] = defaultdict(float, dict.fromkeys(known, 0.0))
        if not labels:
            self._rows[()] = 0.0

    def add(self, *values: str, by: float = 1) -> None:
        """Count something with these label values."""
        self._rows[values] += by

    def metric(self, *also: tuple[str, ...]) -> Metric:
        """For a scrape; the rows of *also* are there even if nothing was counted in them."""
        return counter(self._name, self._text, self._labels, dict.fromkeys(also, 0.0) | self._rows)


class Distribution:
    """A histogram for each tuple of label values; those that are *known* are there from the start."""

    def __init__(
        self,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        *,
        bounds: Sequence[float],
        known: Iterable[tuple[str, ...]] = (),
    ) -> None:
        self._name, self._text, self._labels, self._bounds = name, text, labels, bounds
        self._rows = {values: Histogram(bounds) for values in (known if labels else [()])}

    def observe(self, value: float, *labels: str) -> None:
        """Count one observation."""
        row = self._rows.get(labels)
        if row is None:
            row = self._rows[labels] = Histogram(self._bounds)
        row.observe(value)

    def metric(self) -> Metric:
        """For a scrape."""
        return histogram(self._name, self._text, self._labels, self._rows)


def counter(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """A counter's rows; the suffix ``_total`` is added."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, count in rows.items():
        family.add_metric(values, count)
    return family


def gauge(name: str, text: str, labels: Sequence[str], rows: Rows) -> Metric:
    """A gauge's rows."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows.items():
        family.add_metric(values, value)
    return family


def info(name: str, text: str, labels: dict[str, str]) -> Metric:
    """A gauge that is always 1 and says something by its labels."""
    return gauge(f"{name}_info", text, tuple(labels), {tuple(labels.values()): 1})


def histogram(name: str, text: str, labels: Sequence[str], rows: Mapping[Any, Histogram]) -> Metric:
    """A histogram's rows."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, row in rows.items():
        family.add_metric(values, buckets=row.cumulative(), sum_value=row.total)
    return family

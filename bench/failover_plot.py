"""The picture of `bench.failover`: latency, hit ratio, errors and writes over time, of both scenarios."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.failover_result import Result

_P50, _P99, _HITS, _FAILED, _WRITES = "#3b6ea5", "#b5482f", "#3d7a4f", "#000000", "#7b5aa6"


def draw(one: Result, every: Result, path: Path) -> None:
    """Write the picture."""
    mpl.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    axes = figure.subplots(3, 2, sharex="col", height_ratios=[3, 2, 2])
    titles = ("one of three nodes killed, another one frozen", "every node dead for a minute")
    for column, (result, title) in enumerate(zip((one, every), titles, strict=True)):
        _latency(axes[0][column], result, title)
        _hits(axes[1][column], result)
        _writes(axes[2][column], result)
    figure.savefig(path, dpi=80)


def _latency(axes: Any, result: Result, title: str) -> None:
    slices = result.slices()
    times = [part.at for part in slices]
    axes.set_title(title, fontsize=10)
    axes.semilogy(times, [part.p99 * 1000 for part in slices], color=_P99, label="p99", linewidth=1)
    axes.semilogy(times, [part.p50 * 1000 for part in slices], color=_P50, label="p50", linewidth=1)
    axes.set_ylabel("read latency, ms\n(per 250 ms)")
    axes.set_ylim(0.1, 300)
    axes.legend(loc="lower right", ncols=2, frameon=False)
    _mark(axes, result, named=True)


def _hits(axes: Any, result: Result) -> None:
    slices = result.slices()
    times = [part.at for part in slices]
    axes.plot(times, [part.hit_ratio * 100 for part in slices], color=_HITS, linewidth=1, label="hits, %")
    axes.plot(times, [part.failed for part in slices], color=_FAILED, linewidth=1, label="failed requests")
    axes.set_ylabel("hits in %,\nfailed requests")
    axes.set_ylim(-4, 104)
    axes.legend(loc="center right", frameon=False)
    _mark(axes, result)


def _writes(axes: Any, result: Result) -> None:
    sent, latencies = [write.sent for write in result.writes], [write.latency for write in result.writes]
    axes.plot(sent, latencies, ".", color=_WRITES, markersize=3)
    axes.set_ylabel("each write, s")
    axes.set_xlabel("seconds")
    axes.set_ylim(0, 2.4)
    _mark(axes, result)


def _mark(axes: Any, result: Result, *, named: bool = False) -> None:
    for at, name in result.events:
        axes.axvline(at, color="#999999", linewidth=0.7, linestyle=":")
        if named:
            axes.annotate(name, (at, 1), xycoords=("data", "axes fraction"), xytext=(2, -8), textcoords="offset points")

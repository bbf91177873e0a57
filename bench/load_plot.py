"""The picture of a run of `bench.load`: requests, latency, hit ratio and cores over time, and what was done when."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.load_cpu import Sample
from bench.load_report import Marks

_P50, _P99, _HITS, _FAILED, _RATE = "#3b6ea5", "#b5482f", "#3d7a4f", "#000000", "#7b5aa6"
_PARTS = ("#3b6ea5", "#9bb7d4", "#b5482f", "#7b5aa6", "#3d7a4f")


def draw(curves: list[dict[str, float]], samples: list[Sample], marks: Marks, path: Path) -> None:
    """Write the picture. Without a single answer there is none."""
    if not curves:
        return
    mpl.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    began = curves[0]["at"]
    figure = Figure(figsize=(10, 7.5), layout="constrained")
    axes = figure.subplots(4, 1, sharex="col", height_ratios=[2, 3, 2, 2])
    times = [curve["at"] - began for curve in curves]
    _requests(axes[0], times, curves)
    _latency(axes[1], times, curves)
    _hits(axes[2], times, curves)
    _cores(axes[3], began, samples)
    for one in axes:
        for at, _ in marks:
            one.axvline(at - began, color="#999999", linewidth=0.7, linestyle=":")
    for at, name in marks:
        place: Any = (at - began, 1)
        axes[0].annotate(name, place, xycoords=("data", "axes fraction"), xytext=(2, -8), textcoords="offset points")
    axes[-1].set_xlabel("seconds")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=80)


def _requests(axes: Any, times: list[float], curves: list[dict[str, float]]) -> None:
    axes.plot(times, [curve["requests"] for curve in curves], color=_RATE, linewidth=1, label="requests a second")
    axes.plot(times, [curve["failed"] for curve in curves], color=_FAILED, linewidth=1, label="failed")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right", ncols=2, frameon=False)


def _latency(axes: Any, times: list[float], curves: list[dict[str, float]]) -> None:
    axes.semilogy(times, [max(curve["p99"], 0.1) for curve in curves], color=_P99, linewidth=1, label="p99")
    axes.semilogy(times, [max(curve["p50"], 0.1) for curve in curves], color=_P50, linewidth=1, label="p50")
    axes.set_ylabel("ms, all requests")
    axes.legend(loc="lower right", ncols=2, frameon=False)


def _hits(axes: Any, times: list[float], curves: list[dict[str, float]]) -> None:
    found = [
        (at, 100 * curve["hits"] / curve["reads"]) for at, curve in zip(times, curves, strict=True) if curve["reads"]
    ]
    axes.plot([at for at, _ in found], [ratio for _, ratio in found], color=_HITS, linewidth=1)
    axes.set_ylabel("metadata hits, %")
    axes.set_ylim(-4, 104)


def _cores(axes: Any, began: float, samples: list[Sample]) -> None:
    names = list(dict.fromkeys(name for sample in samples for name in sample.cores))
    times = [sample.at - began for sample in samples]
    shares = [[sample.cores.get(name, 0.0) for sample in samples] for name in names]
    axes.stackplot(times, *shares, labels=names, colors=_PARTS[: len(names)], linewidth=0)
    axes.set_ylabel("cores used")
    axes.legend(loc="upper left", ncols=len(names), frameon=False)

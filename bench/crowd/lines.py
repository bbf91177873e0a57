"""The shapes of a load as lines through points: share of the length, share of the peak."""

from bisect import bisect_right
from collections.abc import Mapping

Points = tuple[tuple[float, float], ...]
SHAPES: Mapping[str, Points] = {
    "ramp": ((0, 0), (0.8, 1), (1, 1)),
    "steps": tuple(point for step in range(5) for point in ((step / 5, step / 5), (step / 5 + 0.02, (step + 1) / 5))),
    "plateau": ((0, 0), (0.2, 1), (1, 1)),
    "spike": ((0, 0), (0.05, 0.2), (0.4, 0.2), (0.45, 1), (0.65, 1), (0.7, 0.2), (1, 0.2)),
    "failover": ((0, 0), (0.1, 1), (1, 1)),
    "flat": ((0, 1), (1, 1)),
}


def height(points: Points, at: float) -> float:
    """The line's height there."""
    after = bisect_right([x for x, _ in points], at)
    if after == len(points):
        return points[-1][1]
    (x0, y0), (x1, y1) = points[after - 1], points[after]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)

"""How many people there are over time. Each shape is a line through points; `-u` is its peak, `-t` its length."""

from bisect import bisect_right
from collections.abc import Mapping

from locust import LoadTestShape

Points = tuple[tuple[float, float], ...]
SHAPES: Mapping[str, Points] = {
    "ramp": ((0, 0), (0.8, 1), (1, 1)),
    "steps": tuple(point for step in range(5) for point in ((step / 5, step / 5), (step / 5 + 0.02, (step + 1) / 5))),
    "plateau": ((0, 0), (0.2, 1), (1, 1)),
    "spike": ((0, 0), (0.05, 0.2), (0.4, 0.2), (0.45, 1), (0.65, 1), (0.7, 0.2), (1, 0.2)),
    "failover": ((0, 0), (0.1, 1), (1, 1)),
    "flat": ((0, 1), (1, 1)),
}
"""Share of the length, share of the peak."""


class Line(LoadTestShape):
    """A shape for Locust, which looks every second how many there should be: one until the set-up is done."""

    def __init__(self, points: Points, peak: int, seconds: float, rate: float = 0) -> None:
        super().__init__()
        self._rate = rate
        self._begun = False
        self._points = points
        self._peak = peak
        self._seconds = seconds

    def begin(self) -> None:
        """The set-up is done."""
        self.reset_time()
        self._begun = True

    def tick(self) -> tuple[int, float] | None:
        """The number of people now and the rate at which they come or go; None at the end."""
        if not self._begun:
            return 1, 1.0  # Locust would begin the set-up anew for any other number
        at = self.get_run_time()
        if at >= self._seconds:
            return None
        wanted = max(1, round(self._peak * height(self._points, at / self._seconds)))
        return wanted, self._rate or max(1.0, abs(wanted - self.get_current_user_count()))


def height(points: Points, at: float) -> float:
    """The line's height there."""
    after = bisect_right([x for x, _ in points], at)
    if after == len(points):
        return points[-1][1]
    (x0, y0), (x1, y1) = points[after - 1], points[after]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)

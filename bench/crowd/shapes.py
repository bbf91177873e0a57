"""How many people there are over time: `-u` is a shape's peak, `-t` its length."""

from locust import LoadTestShape

from bench.crowd.lines import Points, height


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

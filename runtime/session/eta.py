"""The rate of a run, the time that it has left and its expected cost, from the progress observed so far."""

from collections import deque
from dataclasses import dataclass

from quire.progress import Progress

WINDOW_SECONDS = 120.0
"""How far back the rate is measured; further back if there were fewer than `MIN_CHANGES` since."""
MIN_CHANGES = 5


@dataclass(frozen=True)
class Forecast:
    """The expected rate, time and cost of a run; None for what is not known yet."""

    items_per_minute: float | None = None
    seconds_left: float | None = None
    expected_cost_usd: float | None = None


class Forecaster:
    """Forecasts a run from each progress that is observed."""

    def __init__(self) -> None:
        self._changes: deque[tuple[float, int]] = deque()
        """Time and number of items, at each change of that number."""

    def update(self, progress: Progress, now: float) -> Forecast:
        """Take a progress into account and return the new forecast. `now` is in seconds of a monotonic clock."""
        if progress.stage == "planning":
            return Forecast()
        if progress.stage == "paused":
            self._changes.clear()  # a pause does not count into the rate
            return Forecast(expected_cost_usd=_expect_cost(progress))
        if not self._changes or self._changes[-1][1] != progress.items:
            self._changes.append((now, progress.items))
        while len(self._changes) > MIN_CHANGES and now - self._changes[1][0] > WINDOW_SECONDS:
            self._changes.popleft()
        since, items = self._changes[0]
        gained, seconds = progress.items - items, now - since
        rate = gained / seconds if gained > 0 and seconds > 0 else None
        open_items = max(0, progress.target - progress.items - progress.failed)
        return Forecast(
            items_per_minute=round(rate * 60, 2) if rate else None,
            seconds_left=round(open_items / rate, 1) if rate else None,
            expected_cost_usd=_expect_cost(progress),
        )


def _expect_cost(progress: Progress) -> float | None:
    """Return the cost of the whole run in USD if its other items cost as much as those so far; None if not known."""
    cost = progress.usage.cost_usd
    if not cost or not progress.items:
        return None
    return round(cost / progress.items * max(progress.items, progress.target - progress.failed), 6)

"""How fast a run goes, how long it may take, and what it may cost, from what was seen of it so far."""

from collections import deque
from dataclasses import dataclass

from quire.progress import Progress

WINDOW = 120.0
"""Seconds over which the rate is measured, or longer where fewer changes than these were seen."""
CHANGES = 5


@dataclass(frozen=True)
class Pace:
    """What is expected; None where it is not known yet."""

    items_per_minute: float | None = None
    seconds_left: float | None = None
    expected_cost_usd: float | None = None


class Tempo:
    """Told of every look at the run."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        """When there were how many items, at each change."""

    def learn(self, progress: Progress, now: float) -> Pace:
        """`now` in seconds of any clock that only goes on."""
        if progress.stage == "planning":
            return Pace()
        if progress.stage == "paused":
            self._seen.clear()  # the pause is no part of the rate
            return Pace(expected_cost_usd=_expected_cost(progress))
        if not self._seen or self._seen[-1][1] != progress.items:
            self._seen.append((now, progress.items))
        while len(self._seen) > CHANGES and now - self._seen[1][0] > WINDOW:
            self._seen.popleft()
        since, items = self._seen[0]
        gained, took = progress.items - items, now - since
        rate = gained / took if gained > 0 and took > 0 else None
        open_ = max(0, progress.target - progress.items - progress.failed)
        return Pace(
            items_per_minute=round(rate * 60, 2) if rate else None,
            seconds_left=round(open_ / rate, 1) if rate else None,
            expected_cost_usd=_expected_cost(progress),
        )


def _expected_cost(progress: Progress) -> float | None:
    """Of the whole run, where its other items cost what those so far did."""
    spent = progress.usage.cost_usd
    if not spent or not progress.items:
        return None
    return round(spent / progress.items * max(progress.items, progress.target - progress.failed), 6)

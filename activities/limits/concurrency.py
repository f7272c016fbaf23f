"""How many calls one endpoint and model may have in flight: fewer after each 429, more with each answer.

Waiting calls take turns run by run, so that a run of ten calls does not queue behind one of ten thousand.
"""

import asyncio
import math
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from temporalio import activity

MAX_IN_FLIGHT = 1000.0
BURST_SECONDS = 1.0
"""Seconds over which 429s count as one: those of a burst all report the same moment."""
RECOVERY = 0.5
"""Calls in flight that each good answer adds to the limit."""
DEFAULT_PRIORITY = 3
"""The priority of a run that was started without one, as by the Temporal CLI: the server's own default."""


class CallOwner(NamedTuple):
    """The run that a call belongs to, and its priority, of which 1 goes first."""

    priority: int = DEFAULT_PRIORITY
    run: str = ""


def owner_of_call(run: str) -> CallOwner:
    """Return the owner of a call that the current activity makes for a run, with the activity's priority.

    All shards of a run are the same owner.
    """
    priority = activity.info().priority.priority_key if activity.in_activity() else None
    return CallOwner(priority or DEFAULT_PRIORITY, run)


class Throttle:
    """The limit on calls in flight to one endpoint and model, shared by all runs of a worker process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lowered_at = -BURST_SECONDS
        self._refused = self._succeeded = self._peak = 0
        """429s, good answers and most calls in flight since the limit was lowered."""
        self._last_success = -math.inf
        self._waiting: dict[CallOwner, deque[asyncio.Future[None]]] = {}
        """The waiting calls of each run, in order; the run that was served last comes last."""
        self._in_flight_by_run = Counter[str]()
        self.ceiling = self.limit = MAX_IN_FLIGHT
        self.in_flight = 0

    @asynccontextmanager
    async def call_slot(self, owner: CallOwner = CallOwner()) -> AsyncGenerator[None]:  # noqa: B008  # it is immutable
        """Hold one of the call slots while the block runs; wait for a free one first."""
        if self.in_flight < self._whole_limit():
            self._take(owner)
        else:
            await self._wait_for_slot(owner)
        try:
            yield
        finally:
            self._give_back(owner)

    def on_rate_limited(self) -> None:
        """Record a 429. The limit drops by half the refused share: 2 % refused costs 1 %, 90 % refused costs 45 %."""
        now = self._clock()
        self._refused += 1
        if now - self._lowered_at >= BURST_SECONDS:
            share = self._refused / (self._refused + self._succeeded + self.in_flight)
            self.limit = max(1.0, min(self.limit, max(self._peak, self.in_flight)) * (1 - share / 2))
            self._lowered_at, self._refused, self._succeeded, self._peak = now, 0, 0, self.in_flight

    def on_success(self) -> None:
        """Record a good answer, which raises the limit a little."""
        self._last_success = self._clock()
        self._succeeded += 1
        self.limit = min(self.ceiling, self.limit + RECOVERY)
        self._serve_waiting()

    def has_succeeded_within(self, seconds: float) -> bool:
        """Return whether a good answer came in the last `seconds`."""
        return self._clock() - self._last_success < seconds

    def _whole_limit(self) -> int:
        return max(1, int(self.limit))

    def _take(self, owner: CallOwner) -> None:
        self._in_flight_by_run[owner.run] += 1
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def _give_back(self, owner: CallOwner) -> None:
        self.in_flight -= 1
        self._in_flight_by_run[owner.run] -= 1
        if not self._in_flight_by_run[owner.run]:
            del self._in_flight_by_run[owner.run]
        self._serve_waiting()

    async def _wait_for_slot(self, owner: CallOwner) -> None:
        slot = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(slot)
        try:
            await slot
        except asyncio.CancelledError:
            if not slot.cancelled():  # it had been served already
                self._give_back(owner)
            raise

    def _serve_waiting(self) -> None:
        while self._waiting and self.in_flight < self._whole_limit():
            owner = self._next_owner()
            calls = self._waiting.pop(owner)
            slot = calls.popleft()
            if calls:
                self._waiting[owner] = calls
            if not slot.done():  # taken here on its behalf, or a call that arrives now would be quicker
                self._take(owner)
                slot.set_result(None)

    def _next_owner(self) -> CallOwner:
        """Return the owner to serve next: by priority, then fewest calls in flight, then longest not served."""
        return min(self._waiting, key=lambda owner: (owner.priority, self._in_flight_by_run[owner.run]))

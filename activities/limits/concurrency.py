"""How many calls one endpoint and model may have in flight: falls when it says 429, recovers call by call. Those that
wait get their turn run by run, so that a run of ten calls is not kept behind ten thousand."""

import asyncio
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from temporalio import activity

MOST = 1000.0
PAUSE = 1.0
"""Seconds over which 429s are counted together: those of a burst all tell of the same moment."""
STEP = 0.5
"""What each good answer adds."""
USUAL = 3
"""The priority of a run that was started without one, as by the Temporal CLI: the server's own default."""


class Turn(NamedTuple):
    """Whose call it is; priority 1 goes first."""

    priority: int = USUAL
    run: str = ""


def turn_for(run: str) -> Turn:
    """A call's turn that this activity makes for a run, with the priority that it has inherited. All shards of a run
    are the same run."""
    priority = activity.info().priority.priority_key if activity.in_activity() else None
    return Turn(priority or USUAL, run)


class Throttle:
    """One for each endpoint and model of a worker process, shared by all its runs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._fell = -PAUSE
        self._refused = self._good = self._peak = 0
        self._waiting: dict[Turn, deque[asyncio.Future[None]]] = {}
        """Of each run its calls in order; the run that was served last comes last."""
        self._flying = Counter[str]()
        self.most = self.limit = MOST
        self.in_flight = 0

    @asynccontextmanager
    async def slot(self, turn: Turn = Turn()) -> AsyncGenerator[None]:  # noqa: B008  # it is never changed
        """Hold one place for the length of a call."""
        if self.in_flight < self._places():
            self._take(turn)
        else:
            await self._given(turn)
        try:
            yield
        finally:
            self._give_back(turn)

    def limited(self) -> None:
        """A 429 came. The calls in flight fall by half the share that is refused: a few strays in a hundred must not
        make a run slow, and an endpoint that takes a tenth of what it gets is soon asked for no more."""
        now = self._clock()
        self._refused += 1
        if now - self._fell >= PAUSE:
            share = self._refused / (self._refused + self._good + self.in_flight)
            self.limit = max(1.0, min(self.limit, max(self._peak, self.in_flight)) * (1 - share / 2))
            self._fell, self._refused, self._good, self._peak = now, 0, 0, self.in_flight

    def answered(self) -> None:
        """A good answer came."""
        self._good += 1
        self.limit = min(self.most, self.limit + STEP)
        self._wake()

    def _places(self) -> int:
        return max(1, int(self.limit))

    def _take(self, turn: Turn) -> None:
        self._flying[turn.run] += 1
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def _give_back(self, turn: Turn) -> None:
        self.in_flight -= 1
        self._flying[turn.run] -= 1
        if not self._flying[turn.run]:
            del self._flying[turn.run]
        self._wake()

    async def _given(self, turn: Turn) -> None:
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(turn, deque()).append(place)
        try:
            await place
        except asyncio.CancelledError:
            if not place.cancelled():  # its turn had come already
                self._give_back(turn)
            raise

    def _wake(self) -> None:
        while self._waiting and self.in_flight < self._places():
            turn = self._next()
            line = self._waiting.pop(turn)
            place = line.popleft()
            if line:
                self._waiting[turn] = line
            if not place.done():  # taken for it here, lest a call that comes by now is quicker
                self._take(turn)
                place.set_result(None)

    def _next(self) -> Turn:
        """Highest priority, then the run with the fewest calls in flight, then the one that was not served longest."""
        return min(self._waiting, key=lambda turn: (turn.priority, self._flying[turn.run]))

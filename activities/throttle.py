"""How many calls one endpoint and model may have in flight: falls when it says 429, recovers call by call."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

MOST = 1000.0
PAUSE = 1.0
"""Seconds over which 429s are counted together: those of a burst all tell of the same moment."""
STEP = 0.5
"""What each good answer adds."""


class Throttle:
    """One for each endpoint and model of a worker process, shared by all its runs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._fell = -PAUSE
        self._refused = self._good = self._peak = 0
        self._waiting: list[asyncio.Future[None]] = []
        self.limit = MOST
        self.in_flight = 0

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Hold one place for the length of a call."""
        while self.in_flight >= max(1, int(self.limit)):
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            finally:
                if turn in self._waiting:
                    self._waiting.remove(turn)
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)
        try:
            yield
        finally:
            self.in_flight -= 1
            self._wake()

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
        self.limit = min(MOST, self.limit + STEP)
        self._wake()

    def _wake(self) -> None:
        free = max(1, int(self.limit)) - self.in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                free -= 1

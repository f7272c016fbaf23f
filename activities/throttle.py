"""How many calls one endpoint and model may have in flight: falls when it says 429, recovers call by call."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

MOST = 1000.0
FALL = 0.7
"""What is left of the calls in flight after a 429."""
PAUSE = 1.0
"""Seconds in which a burst of 429s counts once: they all tell of the same moment."""
STEP = 0.5
"""What each good answer adds."""


class Throttle:
    """One for each endpoint and model of a worker process, shared by all its runs."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._fell = -PAUSE
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
        try:
            yield
        finally:
            self.in_flight -= 1
            self._wake()

    def limited(self) -> None:
        """A 429 came."""
        now = self._clock()
        if now - self._fell >= PAUSE:
            self._fell = now
            self.limit = max(1.0, min(self.limit, self.in_flight) * FALL)

    def answered(self) -> None:
        """A good answer came."""
        self.limit = min(MOST, self.limit + STEP)
        self._wake()

    def _wake(self) -> None:
        free = max(1, int(self.limit)) - self.in_flight
        while free > 0 and self._waiting:
            turn = self._waiting.pop(0)
            if not turn.done():
                turn.set_result(None)
                free -= 1

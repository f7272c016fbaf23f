"""The calls of one worker process that wait for their turn at an endpoint with `rpm` or `tpm`."""

import asyncio
import bisect
import logging
import math
import random
import secrets
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.service import RPCError

from activities.limits.rate_leases import Leasing
from quire.contracts import TURN
from quire.rate_limits import NAMED, Ask, Guess, Lease

WAITS = 20.0
"""Seconds after which a call that will not be let go soon gives its place back."""
AGAIN = 60.0
"""Seconds after which it comes again, at the latest."""
SPAN = 1.0
"""Seconds over which a lease is spent."""
TICK = 0.02
Limits = tuple[int | None, int | None]
Size = tuple[int, int | None, int]
"""Of a call, as `Guess.tokens` takes it: characters of prompt, tokens expected, tokens at the most."""


@dataclass(order=True)
class Place:
    """A call that waits; who was scheduled first goes first, however often it came."""

    since: float
    number: int
    size: Size = field(compare=False)
    limits: Limits = field(compare=False)
    go: asyncio.Future[int] = field(compare=False)
    """The tokens that are set aside for it: what is known of such calls when it has its turn."""


class Pace:
    """One for each endpoint and model with limits. It leases about once a second while calls wait."""

    def __init__(self, keeper: str, leasing: Leasing) -> None:
        self.guess = Guess()
        self._keeper, self._leasing, self._holder = keeper, leasing, secrets.token_hex(4)
        self._line: list[Place] = []
        self._named: dict[Limits, float] = {}
        self._more_calls = self._more_tokens = 0
        self._released: deque[tuple[float, int]] = deque(maxlen=10_000)
        self._stir, self._told = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._count = 0

    @property
    def live(self) -> bool:
        """Whether anybody named limits in the last minute: they hold for calls that name none, too."""
        return any(time.monotonic() - at < NAMED for at in self._named.values())

    async def turn(self, limits: Limits, size: Size, since: float) -> int:
        """Wait for a turn; the tokens that are set aside for the call.

        Raises ApplicationError, to be retried later, where it does not come soon.
        """
        self.name(limits)
        self._count += 1
        place = Place(since, self._count, size, limits, asyncio.get_running_loop().create_future())
        bisect.insort(self._line, place)
        self._stir.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._lead())
        leaving = asyncio.create_task(_worker_leaves())
        try:
            either = (place.go, leaving)
            await asyncio.wait(either, timeout=WAITS, return_when=asyncio.FIRST_COMPLETED)
            if not place.go.done() and self._ahead(place) < WAITS:
                await asyncio.wait(either, timeout=WAITS, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if place.go.done():
                self.settle(-1, -place.go.result())
            raise
        finally:
            leaving.cancel()
            if not place.go.done():
                self._line.remove(place)
        if not place.go.done():
            raise self._later(limits, place)
        return place.go.result()

    def settle(self, calls: int, tokens: int) -> None:
        """A call took more, or less, than was set aside for it; the next lease says so."""
        if not any(tpm for _, tpm in self._named):
            tokens = 0
        self._more_calls += calls
        self._more_tokens += tokens
        if tokens or calls:
            self._stir.set()
            self._told.set()

    async def close(self) -> None:
        """Ask for no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def name(self, limits: Limits) -> None:
        """These limits hold for a minute from now."""
        if limits != (None, None):
            self._named[limits] = time.monotonic()

    def _ahead(self, place: Place) -> float:
        """Seconds until it has its turn, at the pace of the last ten."""
        recent = sum(time.monotonic() - at < 10 for at, _ in self._released)
        return math.inf if not recent else bisect.bisect_left(self._line, place) / recent * 10

    def _later(self, limits: Limits, place: Place) -> ApplicationError:
        leaves = activity.in_activity() and activity.is_worker_shutdown()
        wait = 1.0 if leaves else min(AGAIN, max(2.0, self._ahead(place) - WAITS / 2)) * random.uniform(0.8, 1.2)
        said = " and ".join(f"{limit} {unit}" for limit, unit in zip(limits, ("calls", "tokens"), strict=True) if limit)
        return ApplicationError(
            f"waits for its turn: {said or 'the endpoint'} a minute are taken for now",
            type=TURN,
            next_retry_delay=timedelta(seconds=wait),
            category=ApplicationErrorCategory.BENIGN,
        )

    async def _lead(self) -> None:
        while True:
            if not self._line and not self._more_tokens and not self._more_calls:
                self._stir.clear()
                await self._stir.wait()
            self._told.clear()
            lease = await self._leased()
            began = time.monotonic()
            await self._spend(lease, began)
            left = began + lease.seconds - time.monotonic()
            if left > 0:
                with suppress(TimeoutError):  # what came back may be what this process waits for
                    await asyncio.wait_for(self._told.wait(), left)

    async def _leased(self) -> Lease:
        """The next lease. While the server is away, calls wait."""
        now = time.monotonic()
        self._named = {limits: at for limits, at in self._named.items() if now - at < NAMED}
        for limits in {place.limits for place in self._line}:
            self.name(limits)
        recent = [tokens for at, tokens in self._released if now - at < SPAN * 1.1]
        again = recent if self._line else []  # calls are made by places that come free: as many will come again
        said = Ask(
            holder=self._holder,
            rpm=min((rpm for rpm, _ in self._named if rpm is not None), default=None),
            tpm=min((tpm for _, tpm in self._named if tpm is not None), default=None),
            calls=len(self._line) + len(again),
            tokens=sum(self.guess.tokens(*place.size) for place in self._line) + sum(again),
            first=self.guess.tokens(*self._line[0].size) if self._line else 0,
            more_calls=self._more_calls,
            more_tokens=self._more_tokens,
        )
        self._more_calls = self._more_tokens = 0
        name = f"lease-{self._holder}-{secrets.token_hex(4)}"
        while True:
            try:
                return await self._leasing(self._keeper, said, name)
            except (
                RPCError,
                WorkflowUpdateFailedError,
                WorkflowUpdateRPCTimeoutOrCancelledError,
                RuntimeError,
            ) as error:
                logging.getLogger(__name__).warning("no lease of %s, calls wait: %s", self._keeper, error)
                await asyncio.sleep(random.uniform(0.5, 1.5))

    async def _spend(self, lease: Lease, began: float) -> None:
        """Let calls go, evenly over a second; what is left of the lease goes back with the next."""
        calls, tokens, gone = lease.calls, lease.tokens, 0
        while (passed := time.monotonic() - began) < SPAN:
            due = math.inf if calls is None else math.ceil(calls * (passed + TICK) / SPAN)
            while self._line and gone < due and (calls is None or gone < calls):
                aside = self.guess.tokens(*self._line[0].size)
                if tokens is not None and aside > tokens:
                    break
                gone += 1
                if tokens is not None:
                    tokens -= aside
                self._released.append((time.monotonic(), aside))
                self._line.pop(0).go.set_result(aside)
            await asyncio.sleep(TICK)
        self._more_calls -= 0 if calls is None else calls - gone
        self._more_tokens -= tokens or 0


async def _worker_leaves() -> None:
    """Return when the worker is told to stop: nobody waits for a turn in it any more."""
    if activity.in_activity():
        await activity.wait_for_worker_shutdown()
    else:
        await asyncio.get_running_loop().create_future()

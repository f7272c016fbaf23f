"""The queue of calls in one worker process that wait for the rate limits (`rpm`, `tpm`) of an endpoint."""

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

from activities.limits.rate_leases import LeaseRates
from quire.contracts import AWAITS_RATE_LIMIT
from quire.rate_limits import LIMITS_LIFETIME, Lease, LeaseRequest, TokenEstimator

MAX_WAIT = 20.0
"""Seconds after which a call whose turn is not near ends its attempt and frees its call slot."""
MAX_DELAY = 60.0
"""Seconds until such a call is attempted again, at most."""
SPAN = 1.0
"""Seconds over which a lease is spent."""
TICK = 0.02
"""Seconds between two releases of calls."""
RECENT = 10.0
"""Seconds over which the pace of released calls is measured."""
Limits = tuple[int | None, int | None]
"""Calls and tokens per minute; None for no limit."""
CallSize = tuple[int, int | None, int]
"""A call's size as `TokenEstimator.estimate` takes it: characters of prompt, expected tokens, maximum tokens."""


@dataclass(order=True)
class QueuedCall:
    """A waiting call. Calls are ordered by when their activity was scheduled, however often it was attempted."""

    scheduled: float
    number: int
    size: CallSize = field(compare=False)
    limits: Limits = field(compare=False)
    turn: asyncio.Future[int] = field(compare=False)
    """Done when the call may go; its result is the tokens reserved for it, as estimated at that moment."""


class RateQueue:
    """The waiting calls of one endpoint and model. While any wait, it obtains a lease about once a second."""

    def __init__(self, keeper: str, lease_rates: LeaseRates) -> None:
        self.estimator = TokenEstimator()
        self._keeper, self._lease_rates, self._holder = keeper, lease_rates, secrets.token_hex(4)
        self._calls: list[QueuedCall] = []
        self._limits_seen: dict[Limits, float] = {}
        """When each pair of limits was last named."""
        self._extra_calls = self._extra_tokens = 0
        """Spent beyond the leases; below 0 for what was not spent. The next lease request reports them."""
        self._released: deque[tuple[float, int]] = deque(maxlen=10_000)
        """When each call was released, and the tokens reserved for it."""
        self._has_work, self._usage_changed = asyncio.Event(), asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._count = 0

    @property
    def has_live_limits(self) -> bool:
        """True if a call named limits in the last minute: they hold for calls that name none, too."""
        return any(time.monotonic() - at < LIMITS_LIFETIME for at in self._limits_seen.values())

    async def wait_for_turn(self, limits: Limits, size: CallSize, scheduled: float) -> int:
        """Wait until a call may go; return the tokens reserved for it.

        `scheduled` is when its activity was scheduled, in seconds since 1970. Raises ApplicationError, to be retried
        later, if its turn is not near.
        """
        self.note_limits(limits)
        self._count += 1
        call = QueuedCall(scheduled, self._count, size, limits, asyncio.get_running_loop().create_future())
        bisect.insort(self._calls, call)
        self._has_work.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run_leases())
        shutdown = asyncio.create_task(_wait_for_shutdown())
        try:
            events = (call.turn, shutdown)
            await asyncio.wait(events, timeout=MAX_WAIT, return_when=asyncio.FIRST_COMPLETED)
            if not call.turn.done() and self._seconds_ahead(call) < MAX_WAIT:
                await asyncio.wait(events, timeout=MAX_WAIT, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if call.turn.done():
                self.report_difference(-1, -call.turn.result())
            raise
        finally:
            shutdown.cancel()
            if not call.turn.done():
                self._calls.remove(call)
        if not call.turn.done():
            raise self._not_yet(limits, call)
        return call.turn.result()

    def report_difference(self, calls: int, tokens: int) -> None:
        """Record that calls spent more than was reserved, or less if below 0; the next lease takes it into account."""
        if not any(tpm for _, tpm in self._limits_seen):
            tokens = 0
        self._extra_calls += calls
        self._extra_tokens += tokens
        if tokens or calls:
            self._has_work.set()
            self._usage_changed.set()

    async def stop(self) -> None:
        """Stop leasing."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def note_limits(self, limits: Limits) -> None:
        """Record that a call names these limits; they hold for a minute from now."""
        if limits != (None, None):
            self._limits_seen[limits] = time.monotonic()

    def _seconds_ahead(self, call: QueuedCall) -> float:
        """Return the seconds until a call's turn, at the pace of the last ten seconds."""
        recent = sum(time.monotonic() - at < RECENT for at, _ in self._released)
        return math.inf if not recent else bisect.bisect_left(self._calls, call) / recent * RECENT

    def _not_yet(self, limits: Limits, call: QueuedCall) -> ApplicationError:
        """Return the error that ends a call's attempt and says when to try again."""
        stopping = activity.in_activity() and activity.is_worker_shutdown()
        until_near = min(MAX_DELAY, max(2.0, self._seconds_ahead(call) - MAX_WAIT / 2))
        delay = 1.0 if stopping else until_near * random.uniform(0.8, 1.2)
        units = zip(limits, ("calls", "tokens"), strict=True)
        named = " and ".join(f"{number:,} {unit}" for number, unit in units if number)
        limit = f"the limit of {named} a minute" if named else "the endpoint's rate limit"
        return ApplicationError(
            f"waits for its turn: {limit} is used up for now",
            type=AWAITS_RATE_LIMIT,
            next_retry_delay=timedelta(seconds=delay),
            category=ApplicationErrorCategory.BENIGN,
        )

    async def _run_leases(self) -> None:
        while True:
            if not self._calls and not self._extra_tokens and not self._extra_calls:
                self._has_work.clear()
                await self._has_work.wait()
            self._usage_changed.clear()
            lease = await self._next_lease()
            start = time.monotonic()
            await self._spend(lease, start)
            remaining = start + lease.seconds - time.monotonic()
            if remaining > 0:
                with suppress(TimeoutError):  # what a call gives back may be what this process waits for
                    await asyncio.wait_for(self._usage_changed.wait(), remaining)

    async def _next_lease(self) -> Lease:
        """Return the next lease. While the server does not answer, calls wait."""
        ask = self._build_ask()
        self._extra_calls = self._extra_tokens = 0
        lease_id = f"lease-{self._holder}-{secrets.token_hex(4)}"
        while True:
            try:
                return await self._lease_rates(self._keeper, ask, lease_id)
            except (
                RPCError,
                WorkflowUpdateFailedError,
                WorkflowUpdateRPCTimeoutOrCancelledError,
                RuntimeError,
            ) as error:
                logging.getLogger(__name__).warning("no lease from %s, calls wait: %s", self._keeper, error)
                await asyncio.sleep(random.uniform(0.5, 1.5))

    def _build_ask(self) -> LeaseRequest:
        now = time.monotonic()
        self._limits_seen = {limits: at for limits, at in self._limits_seen.items() if now - at < LIMITS_LIFETIME}
        for limits in {call.limits for call in self._calls}:
            self.note_limits(limits)
        recent = [tokens for at, tokens in self._released if now - at < SPAN * 1.1]
        next_calls = recent if self._calls else []  # every call slot that comes free sends another call
        return LeaseRequest(
            holder=self._holder,
            rpm=min((rpm for rpm, _ in self._limits_seen if rpm is not None), default=None),
            tpm=min((tpm for _, tpm in self._limits_seen if tpm is not None), default=None),
            calls=len(self._calls) + len(next_calls),
            tokens=sum(self.estimator.estimate(*call.size) for call in self._calls) + sum(next_calls),
            first=self.estimator.estimate(*self._calls[0].size) if self._calls else 0,
            more_calls=self._extra_calls,
            more_tokens=self._extra_tokens,
        )

    async def _spend(self, lease: Lease, start: float) -> None:
        """Release calls evenly over a second. What is not spent goes back with the next lease request."""
        calls, tokens, released = lease.calls, lease.tokens, 0
        while (passed := time.monotonic() - start) < SPAN:
            due = math.inf if calls is None else math.ceil(calls * (passed + TICK) / SPAN)
            while self._calls and released < due and (calls is None or released < calls):
                reserved = self.estimator.estimate(*self._calls[0].size)
                if tokens is not None and reserved > tokens:
                    break
                released += 1
                if tokens is not None:
                    tokens -= reserved
                self._released.append((time.monotonic(), reserved))
                self._calls.pop(0).turn.set_result(reserved)
            await asyncio.sleep(TICK)
        self._extra_calls -= 0 if calls is None else calls - released
        self._extra_tokens -= tokens or 0


async def _wait_for_shutdown() -> None:
    """Return when the worker begins to shut down; outside an activity, never."""
    if activity.in_activity():
        await activity.wait_for_worker_shutdown()
    else:
        await asyncio.get_running_loop().create_future()

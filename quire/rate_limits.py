"""Share the calls and tokens that an endpoint allows per minute among worker processes. Pure.

A bucket that fills evenly keeps calls apart. In addition, no more than the limit is granted within any minute.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

MINUTE = 60.0
TARGET_SHARE = 0.98
"""Share of the limit at which buckets fill, so that a call delayed on its way does not exceed the limit."""
BURST_SECONDS = 1.5
"""Size of a bucket, in seconds of its rate."""
WINDOW = 61
"""Whole seconds within which no more than the limit is granted."""
RESERVATION_SECONDS = 7.0
"""Seconds for which a process that got less than it asked for has a share reserved."""
LIMITS_LIFETIME = 60.0
"""Seconds for which limits hold that a process named."""
MIN_LEASE_SECONDS, MAX_LEASE_SECONDS = 1.0, 5.0
"""Seconds until a process asks for its next lease, at least and at most."""


class LeaseRequest(BaseModel):
    """What a worker process wants to spend in the next second."""

    holder: str
    """The worker process."""
    rpm: int | None = None
    tpm: int | None = None
    calls: int = 0
    tokens: int = 0
    first: int = 0
    """Tokens of the call that is next in the process's queue."""
    more_calls: int = 0
    """Calls spent beyond the previous lease; negative if fewer were spent."""
    more_tokens: int = 0
    """Tokens spent beyond the previous lease; negative if fewer were spent."""


class Lease(BaseModel):
    """What a worker process may spend, spread over a second; None is no limit."""

    calls: int | None
    tokens: int | None
    seconds: float
    """Seconds until the process asks again."""


class Meter(BaseModel):
    """The bucket of one limit and what was granted lately. Units are calls or tokens; times are seconds since 1970."""

    level: float = 0.0
    at: float | None = None
    """When the bucket was last refilled."""
    spent: dict[int, float] = {}
    """Units granted by second; negative if reserved units were given back."""

    def refill(self, limit: int, now: float) -> None:
        """Refill the bucket for the time that has passed, and forget what was granted before the window."""
        size, rate = compute_bucket_size(limit), limit * TARGET_SHARE / MINUTE
        if self.at is None:
            self.level, self.at = max(1.0, size / 3), now
        self.level = min(size, self.level + max(0.0, now - self.at) * rate)
        self.at = max(self.at, now)
        self.spent = {second: units for second, units in self.spent.items() if second > int(self.at) - WINDOW}

    def spend(self, units: float, now: float) -> None:
        """Take units out of the bucket; negative units are given back."""
        second = int(max(now, self.at or 0.0))
        self.level -= units
        self.spent[second] = self.spent.get(second, 0.0) + units

    def grant(self, limit: int, *, requested: int, first: int, reserved: float, share: int) -> int:
        """Return how many `requested` units may be spent: 0, or at least `first`, the units of an indivisible call.

        `reserved` units are left to others; the process is one of `share`. A call larger than the bucket is granted in
        advance and paid off before anything else is granted.
        """
        free, past = self.level - reserved, sum(self.spent.values())
        if free >= first:
            granted = min(requested, int(free + 1e-6))
        else:
            granted = first if free >= compute_required_level(limit, first, share) else 0
        if past + granted > limit:
            granted = int(limit - past) if limit - past >= first else first if first > limit and past <= 0 else 0
        return max(0, granted)

    def estimate_wait(self, limit: int, *, first: int, reserved: float, share: int) -> float:
        """Return the seconds until the bucket may grant an indivisible call of `first` units."""
        shortage = compute_required_level(limit, first, share) + reserved - self.level
        return max(0.0, shortage) / (limit * TARGET_SHARE / MINUTE)


def compute_bucket_size(limit: int) -> float:
    """Return the units that a bucket holds: some seconds of its rate, and at least one."""
    return max(1.0, limit / MINUTE * BURST_SECONDS)


def compute_required_level(limit: int, first: int, share: int) -> float:
    """Return the level from which an indivisible call, which may be larger than the bucket, is granted."""
    return min(first, max(1.0, compute_bucket_size(limit) / 3) / share) - 1e-6


class SpenderState(BaseModel):
    """A worker process: when it last asked, what it did not get, and the limits that it named."""

    at: float
    calls: int
    tokens: int
    rpm: int | None
    tpm: int | None


@dataclass
class _Claim:
    """One limit's part of a lease request; `limit` None grants all."""

    meter: Meter
    limit: int | None
    requested: int
    first: int
    share: int
    reserved: float = 0.0

    def grant(self, extra: int, unmet: Sequence[tuple[int, float]], now: float) -> int:
        """Record `extra` units spent before, then return what is granted.

        `unmet` is what other processes did not get, each with the time when they asked.
        """
        if self.limit is None:
            return self.requested
        self.meter.spend(extra, now)
        self.meter.refill(self.limit, now)
        rate = self.limit * TARGET_SHARE / MINUTE / self.share
        self.reserved = sum(min(units, rate * min(BURST_SECONDS, now - at)) for units, at in unmet)
        return self.meter.grant(
            self.limit, requested=self.requested, first=self.first, reserved=self.reserved, share=self.share
        )

    def estimate_wait(self) -> float:
        if self.limit is None:
            return 0.0
        return self.meter.estimate_wait(self.limit, first=self.first, reserved=self.reserved, share=self.share)

    def spend(self, units: int, now: float) -> int | None:
        """Spend the granted units and return them as a lease does: None if there is no limit."""
        if self.limit is None:
            return None
        self.meter.spend(units, now)
        return units


class EndpointRates(BaseModel):
    """The rate limits of one endpoint and model: a meter each for calls and tokens, and the processes that spend."""

    calls: Meter = Meter()
    tokens: Meter = Meter()
    spenders: dict[str, SpenderState] = {}

    def lease(self, ask: LeaseRequest, now: float) -> Lease:
        """Record what was spent beyond the previous lease, and grant the next. The lowest named limits apply."""
        others = {
            name: spender
            for name, spender in self.spenders.items()
            if now - spender.at < LIMITS_LIFETIME and name != ask.holder
        }
        own = SpenderState(at=now, calls=ask.calls, tokens=ask.tokens, rpm=ask.rpm, tpm=ask.tpm)
        self.spenders = others | {ask.holder: own}
        waiting = [spender for spender in others.values() if spender.calls and now - spender.at < RESERVATION_SECONDS]
        rpm = min((spender.rpm for spender in self.spenders.values() if spender.rpm is not None), default=None)
        tpm = min((spender.tpm for spender in self.spenders.values() if spender.tpm is not None), default=None)
        share = len(waiting) + 1
        call_claim = _Claim(self.calls, rpm, ask.calls, min(1, ask.calls), share)
        token_claim = _Claim(self.tokens, tpm, ask.tokens, ask.first, share)
        calls, tokens = _match_calls_to_tokens(
            ask,
            call_claim.grant(ask.more_calls, [(spender.calls, spender.at) for spender in waiting], now),
            token_claim.grant(ask.more_tokens, [(spender.tokens, spender.at) for spender in waiting], now),
        )
        seconds = MIN_LEASE_SECONDS
        if ask.calls and not calls:
            seconds = max(seconds, call_claim.estimate_wait(), token_claim.estimate_wait())
        own.calls, own.tokens = ask.calls - calls, max(0, ask.tokens - tokens)
        return Lease(
            calls=call_claim.spend(calls, now),
            tokens=token_claim.spend(tokens, now),
            seconds=min(MAX_LEASE_SECONDS, seconds),
        )


def _match_calls_to_tokens(ask: LeaseRequest, calls: int, tokens: int) -> tuple[int, int]:
    """Reduce granted calls to those that tokens were granted for, and tokens to those that calls need."""
    if not ask.calls or not calls or (ask.tokens and not tokens):
        return 0, 0
    if ask.tokens:
        calls = min(calls, max(1, -(-ask.calls * tokens // ask.tokens)))
        tokens = min(tokens, max(ask.first, -(-ask.tokens * calls // ask.calls)))
    return calls, tokens


class TokenEstimator:
    """Estimates the tokens of a call from earlier calls; the latest count most."""

    def __init__(self) -> None:
        self._prompt = 1.0
        """Real prompt tokens relative to a quarter of the prompt's characters."""
        self._answer: dict[bool, float] = {}
        """Real answer tokens per expected token (True), or per call if no number was expected (False)."""

    def estimate(self, prompt: int, expected: int | None, most: int) -> int:
        """Return the tokens, in and out, of a call whose prompt has this many characters.

        `expected` is the answer's expected tokens: 0 if unknown, None if there is no answer, as with embeddings. Until
        an answer of the kind has been seen, `most`, the maximum tokens of an answer, is assumed.
        """
        answer = 0.0 if expected is None else most
        if expected is not None and (ratio := self._answer.get(expected > 0)) is not None:
            answer = min(float(most), ratio * (expected or 1))
        return int(max(1.0, prompt / 4 * self._prompt + answer))

    def learn(self, prompt: int, expected: int | None, *, took: int, answered: int) -> None:
        """Record the real tokens of a call: `took` in, `answered` out."""
        if prompt and took:
            self._prompt += 0.2 * (took * 4 / prompt - self._prompt)
        if expected is not None:
            ratio, kind = answered / (expected or 1), expected > 0
            self._answer[kind] = self._answer.get(kind, ratio) * 0.8 + ratio * 0.2

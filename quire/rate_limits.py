"""What each worker process may spend now of the calls and tokens that an endpoint allows a minute. Pure.

A bucket that fills evenly keeps calls apart; what was spent in each of the last seconds is the wall behind it.
"""

from pydantic import BaseModel

MINUTE = 60.0
AIMED = 0.98
"""Share of the limit at which buckets fill: a call that is late on its way must not make up one too many."""
BURST = 1.5
"""Seconds' worth that a bucket holds."""
WALL = 61
"""Whole seconds over which no more than the limit is given away."""
STAYS = 7.0
"""Seconds for which the share of a process that got less than it asked for is kept for it."""
NAMED = 60.0
"""Seconds for which the limits hold that a process named."""
SOON, LATE = 1.0, 5.0
"""When to ask again, at the earliest and at the latest."""


class Ask(BaseModel):
    """What a worker process wants to spend in the next second."""

    holder: str
    rpm: int | None = None
    tpm: int | None = None
    calls: int = 0
    tokens: int = 0
    first: int = 0
    """Tokens of the call that is next in its line."""
    more_calls: int = 0
    """Spent beyond what it was given before; below 0 where that was less."""
    more_tokens: int = 0


class Lease(BaseModel):
    """What it may spend, spread over a second; None is as much as it likes."""

    calls: int | None
    tokens: int | None
    seconds: float
    """When to ask again."""


class Meter(BaseModel):
    """One limit's bucket and wall. Units are calls, or tokens; times are seconds since 1970."""

    level: float = 0.0
    at: float | None = None
    spent: dict[int, float] = {}
    """By second; below 0 where what was set aside came back."""

    def tick(self, limit: int, now: float) -> None:
        """Let the time pass."""
        room, rate = holds(limit), limit * AIMED / MINUTE
        if self.at is None:
            self.level, self.at = max(1.0, room / 3), now
        self.level = min(room, self.level + max(0.0, now - self.at) * rate)
        self.at = max(self.at, now)
        self.spent = {second: units for second, units in self.spent.items() if second > int(self.at) - WALL}

    def take(self, units: float, now: float) -> None:
        """Spend, or give back what is below 0."""
        second = int(max(now, self.at or 0.0))
        self.level -= units
        self.spent[second] = self.spent.get(second, 0.0) + units

    def grant(self, limit: int, *, wanted: int, first: int, kept: float, share: int) -> int:
        """How much of what is wanted there is, when `kept` is left to others and the process is one of `share`.

        At least `first`, which does not come in pieces, or nothing: what is larger than the bucket is given in
        advance, and paid off before anything else is given.
        """
        free, past = self.level - kept, sum(self.spent.values())
        if free >= first:
            given = min(wanted, int(free + 1e-6))
        else:
            given = first if free >= enough(limit, first, share) else 0
        if past + given > limit:
            given = int(limit - past) if limit - past >= first else first if first > limit and past <= 0 else 0
        return max(0, given)

    def wait(self, limit: int, *, first: int, kept: float, share: int) -> float:
        """Seconds until there may be something."""
        short = enough(limit, first, share) + kept - self.level
        return max(0.0, short) / (limit * AIMED / MINUTE)


def holds(limit: int) -> float:
    """How much a bucket holds: some seconds' worth, and never less than one unit."""
    return max(1.0, limit / MINUTE * BURST)


def enough(limit: int, first: int, share: int) -> float:
    """What must be in a bucket for what does not come in pieces, and may be larger than the bucket."""
    return min(first, max(1.0, holds(limit) / 3) / share) - 1e-6


class Asker(BaseModel):
    """A worker process: when it asked, what it did not get, and the limits that it named."""

    at: float
    calls: int
    tokens: int
    rpm: int | None
    tpm: int | None


class Rates(BaseModel):
    """One endpoint and model: its two meters, and who spends."""

    calls: Meter = Meter()
    tokens: Meter = Meter()
    askers: dict[str, Asker] = {}

    def lease(self, ask: Ask, now: float) -> Lease:
        """Settle what was spent, and give what there is; the lowest limits that anybody named hold."""
        before = {name: asker for name, asker in self.askers.items() if now - asker.at < NAMED and name != ask.holder}
        mine = Asker(at=now, calls=ask.calls, tokens=ask.tokens, rpm=ask.rpm, tpm=ask.tpm)
        self.askers = before | {ask.holder: mine}
        others = [asker for asker in before.values() if asker.calls and now - asker.at < STAYS]
        rpm = min((asker.rpm for asker in self.askers.values() if asker.rpm is not None), default=None)
        tpm = min((asker.tpm for asker in self.askers.values() if asker.tpm is not None), default=None)
        share, seconds = len(others) + 1, SOON
        calls, tokens = ask.calls, ask.tokens

        def kept(limit: int, wants: list[tuple[int, float]]) -> float:
            rate = limit * AIMED / MINUTE / share
            return sum(min(wanted, rate * min(BURST, now - at)) for wanted, at in wants)

        aside = [0.0, 0.0]
        if rpm is not None:
            self.calls.take(ask.more_calls, now)
            self.calls.tick(rpm, now)
            aside[0] = kept(rpm, [(asker.calls, asker.at) for asker in others])
            calls = self.calls.grant(rpm, wanted=ask.calls, first=min(1, ask.calls), kept=aside[0], share=share)
        if tpm is not None:
            self.tokens.take(ask.more_tokens, now)
            self.tokens.tick(tpm, now)
            aside[1] = kept(tpm, [(asker.tokens, asker.at) for asker in others])
            tokens = self.tokens.grant(tpm, wanted=ask.tokens, first=ask.first, kept=aside[1], share=share)
        calls, tokens = _matched(ask, calls, tokens)
        if ask.calls and not calls:
            if rpm is not None:
                seconds = max(seconds, self.calls.wait(rpm, first=1, kept=aside[0], share=share))
            if tpm is not None:
                seconds = max(seconds, self.tokens.wait(tpm, first=ask.first, kept=aside[1], share=share))
        if rpm is not None:
            self.calls.take(calls, now)
        if tpm is not None:
            self.tokens.take(tokens, now)
        mine.calls, mine.tokens = ask.calls - calls, max(0, ask.tokens - tokens)
        return Lease(
            calls=None if rpm is None else calls,
            tokens=None if tpm is None else tokens,
            seconds=min(LATE, seconds),
        )


def _matched(ask: Ask, calls: int, tokens: int) -> tuple[int, int]:
    """No calls without tokens for them, and no tokens without calls that take them."""
    if not ask.calls or not calls or (ask.tokens and not tokens):
        return 0, 0
    if ask.tokens:
        calls = min(calls, max(1, -(-ask.calls * tokens // ask.tokens)))
        tokens = min(tokens, max(ask.first, -(-ask.tokens * calls // ask.calls)))
    return calls, tokens


class Guess:
    """What a call will take, from what such calls took: the last ones count most."""

    def __init__(self) -> None:
        self._prompt = 1.0
        self._answer: dict[bool, float] = {}
        """Real tokens for each that was expected; where none are told, those of a call."""

    def tokens(self, prompt: int, expected: int | None, most: int) -> int:
        """In and out, of a prompt of so many characters; before any answer was seen, the `most` that one may have.
        `expected` is 0 where the answer's length is not known, and None where there is no answer, as with vectors."""
        said = 0.0 if expected is None else most
        if expected is not None and (ratio := self._answer.get(expected > 0)) is not None:
            said = min(float(most), ratio * (expected or 1))
        return int(max(1.0, prompt / 4 * self._prompt + said))

    def learn(self, prompt: int, expected: int | None, *, took: int, answered: int) -> None:
        """A call took so many tokens in and so many out."""
        if prompt and took:
            self._prompt += 0.2 * (took * 4 / prompt - self._prompt)
        if expected is not None:
            ratio, kind = answered / (expected or 1), expected > 0
            self._answer[kind] = self._answer.get(kind, ratio) * 0.8 + ratio * 0.2

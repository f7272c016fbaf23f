"""The outcome of one batch: counts and reasons, never text."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

Reason = Literal["missing", "cut off", "invalid", "refused", "too long", "failed", "duplicate", "stopped"]
"""Why a slot is still open, or why it failed."""


class Usage(BaseModel):
    """Tokens and calls, as the endpoint counted them; cost in USD, None if a price is unknown."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = 0.0
    unheard_calls: int = 0
    """Calls that ended without an answer after they were sent: by a time limit, or because the connection broke off.
    They are possibly paid, so their tokens and cost are estimated and included."""
    unheard_tokens: int = 0
    """The estimated tokens of those calls."""

    @property
    def tokens(self) -> int:
        """Tokens in and out together."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, other: "Usage") -> "Usage":
        """Return the sum; unknown cost plus anything is unknown."""
        has_cost = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost_usd=(self.cost_usd or 0) + (other.cost_usd or 0) if has_cost else None,
            unheard_calls=self.unheard_calls + other.unheard_calls,
            unheard_tokens=self.unheard_tokens + other.unheard_tokens,
        )


def read_unheard_usage(details: Sequence[Any]) -> Usage:
    """Return what the calls before a failure may have cost, from the failure's details; nothing if it has none."""
    for detail in details:
        if isinstance(detail, dict) and "unheard_calls" in detail:
            return Usage.model_validate(detail)
    return Usage()


class OpenSlot(BaseModel):
    """A slot that a batch did not fill, with the reason."""

    slot: int
    reason: Reason
    detail: str = ""
    """The rule that was broken, or what failed; at most 300 characters. It travels through histories, so it quotes no
    item: what a validator or reviewer said in full is in the batch's file."""


class Outcome(BaseModel):
    """The outcome of one batch."""

    batch: str
    filled: list[int]
    open: list[OpenSlot] = []
    usage: Usage = Usage()
    model: str = ""
    """The model that answered, as the endpoint names it."""
    tokens_per_item: int | None = None
    """Measured output tokens per item, reasoning included."""
    simulated: bool = False
    seconds: float | None = None
    """Duration of the call; None if the answer was already in the store."""
    reused: bool = False
    """True if the answer was already in the store, so that nothing was paid for it."""

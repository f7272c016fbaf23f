"""The outcome of one batch: counts and reasons, never text."""

from typing import Literal

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
        )


class OpenSlot(BaseModel):
    """A slot that a batch did not fill, with the reason."""

    slot: int
    reason: Reason
    detail: str = ""
    """A sentence for the next prompt and for the report; at most 300 characters."""


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

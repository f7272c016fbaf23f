"""What one batch came to: counts and reasons, never text."""

from typing import Literal

from pydantic import BaseModel

Reason = Literal["missing", "cut off", "invalid", "refused", "too long", "failed", "duplicate", "stopped"]
"""Why a slot is still open, or why it gave up."""


class Usage(BaseModel):
    """Tokens and calls, as the endpoint counted them; cost in USD, None where a price is unknown."""

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float | None = 0.0

    def plus(self, other: "Usage") -> "Usage":
        """The sum; unknown cost plus anything is unknown."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Usage(
            calls=self.calls + other.calls,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost_usd=(self.cost_usd or 0) + (other.cost_usd or 0) if known else None,
        )


class OpenSlot(BaseModel):
    """A slot that a batch did not fill, and why."""

    slot: int
    reason: Reason
    detail: str = ""
    """A sentence for the next prompt and for the report; at most 300 characters."""


class Outcome(BaseModel):
    """What one batch came to."""

    batch: str
    filled: list[int]
    open: list[OpenSlot] = []
    usage: Usage = Usage()
    model: str = ""
    """Who answered, as the endpoint calls itself."""
    tokens_per_item: int | None = None
    """Output tokens an item really took, reasoning included."""
    simulated: bool = False
    seconds: float | None = None
    """How long the call took; None where the answer was there already."""
    reused: bool = False
    """The answer was found in the store: nothing was paid for it this time."""

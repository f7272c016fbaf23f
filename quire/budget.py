"""What a run may spend: reserved before a call, settled after it. Pure."""

from pydantic import BaseModel

from quire.outcome import Usage
from quire.request import Budget


class Spending(BaseModel):
    """Tokens set aside for calls in flight, and what is known of the price of a token."""

    reserved: dict[str, int] = {}
    """By the batch's name."""
    prompt_tokens: int = 0
    """Of one call, as planned; real usage takes its place."""
    usd_per_token: float | None = None
    """As planned, in and out mixed; real cost takes its place."""

    def expect(self, slots: int, tokens_per_item: int, usage: Usage) -> int:
        """Tokens that a call for so many slots may take."""
        prompt = usage.prompt_tokens // usage.calls if usage.calls else self.prompt_tokens
        return prompt + slots * tokens_per_item

    def short_of(self, budget: Budget, usage: Usage, more: int) -> str:
        """Why another call of `more` tokens does not fit, in words; empty where it does."""
        spent = usage.prompt_tokens + usage.completion_tokens
        reserved = sum(self.reserved.values())
        if budget.tokens is not None and spent + reserved + more > budget.tokens:
            return f"{spent} of {budget.tokens} tokens are spent, and the next call may take {more}"
        if budget.usd is None:
            return ""
        known = usage.cost_usd or 0.0
        rate = usage.cost_usd / spent if usage.cost_usd and spent else self.usd_per_token or 0.0
        if known + (reserved + more) * rate > budget.usd:
            return f"${known:.4f} of ${budget.usd:g} are spent, and the next call may take ${more * rate:.4f}"
        return ""


def raised(budget: Budget, tokens: int | None, usd: float | None) -> str:
    """Why these are no higher caps than the budget's, in words; empty where they are."""
    if tokens is None and usd is None:
        return "say what it is raised to: tokens, usd, or both"
    for name, new, now in (("tokens", tokens, budget.tokens), ("usd", usd, budget.usd)):
        if new is not None and now is None:
            return f"this run has no budget of {name}"
        if new is not None and now is not None and new <= now:
            return f"budget.{name} is {now:g} already; say a higher one than that"
    return ""

"""What a run may spend: tokens are reserved before a call and replaced by its real usage afterwards. Pure."""

from pydantic import BaseModel

from quire.outcome import Usage
from quire.request import Budget


class Spending(BaseModel):
    """Tokens reserved for calls in flight, and the planned size and price of a call."""

    reserved: dict[str, int] = {}
    """Tokens by the batch's name."""
    prompt_tokens: int = 0
    """Planned prompt tokens of one call; used until real usage is known."""
    usd_per_token: float | None = None
    """Planned price of a token, input and output blended; used until real cost is known."""

    def expect_tokens(self, slots: int, tokens_per_item: int, usage: Usage) -> int:
        """Return the tokens that a call for this many slots is expected to take."""
        prompt = usage.prompt_tokens // usage.calls if usage.calls else self.prompt_tokens
        return prompt + slots * tokens_per_item

    def explain_shortage(self, budget: Budget, usage: Usage, next_tokens: int) -> str:
        """Return why another call of `next_tokens` does not fit, as a clause for a message; empty if it fits."""
        reserved = sum(self.reserved.values())
        if budget.tokens is not None and usage.tokens + reserved + next_tokens > budget.tokens:
            return f"{usage.tokens:,} of {budget.tokens:,} tokens are spent, and the next call may take {next_tokens:,}"
        if budget.usd is None:
            return ""
        cost, price = usage.cost_usd or 0.0, self.blend_price(usage)
        if cost + (reserved + next_tokens) * price > budget.usd:
            return (
                f"${cost:.4f} of ${budget.usd:,.15g} are spent, and the next call may take ${next_tokens * price:.4f}"
            )
        return ""

    def blend_price(self, usage: Usage) -> float:
        """Return USD per token, input and output blended, as paid so far, else as planned; 0.0 if it is unknown."""
        return usage.cost_usd / usage.tokens if usage.cost_usd and usage.tokens else self.usd_per_token or 0.0


def check_raised_caps(budget: Budget, tokens: int | None, usd: float | None) -> str:
    """Return why these new caps do not raise the budget, as a sentence for a person; empty if they do."""
    if tokens is None and usd is None:
        return "give a new cap: --tokens, --usd or both"
    for name, new_cap, cap in (("tokens", tokens, budget.tokens), ("usd", usd, budget.usd)):
        if new_cap is not None and cap is None:
            return f"this run has no budget of {name}"
        if new_cap is not None and cap is not None and new_cap <= cap:
            return f"budget.{name} is already {cap:,.15g}; give a higher cap"
    return ""

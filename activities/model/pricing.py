"""The cost of tokens at list price, by genai-prices; an unknown model's cost is unknown, never 0."""

from quire.outcome import Usage
from quire.request import Request
from recipes.base.recipe import InputError


def list_price(model: str, usage: Usage) -> float | None:
    """Return the list price of this usage in USD; None for an unknown model."""
    from genai_prices import Usage as PricedUsage  # a second of import that only a paid call needs
    from genai_prices import calc_price

    priced_usage = PricedUsage(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        return float(calc_price(priced_usage, model_ref=model.rsplit("/", 1)[-1]).total_price)
    except LookupError:
        return None


def usd_per_token(model: str, prompt: int, completion: int) -> float | None:
    """Return the list price of a token in USD, for this mix of tokens in and out; None for an unknown model."""
    usage = Usage(prompt_tokens=max(1, prompt), completion_tokens=max(1, completion))
    price = list_price(model, usage)
    return None if price is None else price / usage.tokens


def check_price_known(request: Request) -> None:
    """Raise InputError if the request has a budget in USD for a model whose price is unknown."""
    name = request.generator.name
    if request.budget.usd is not None and usd_per_token(name, 1, 1) is None:
        raise InputError("budget.usd", f"the price of {name} is not known; give budget.tokens instead")


def usage_with_cost(model: str, tokens: dict[str, int], *, simulated: bool) -> Usage:
    """Return the usage of one answer with its cost, which is 0 for the simulator."""
    usage = Usage(calls=1, cost_usd=0.0, **tokens)
    return usage if simulated else usage.model_copy(update={"cost_usd": list_price(model, usage)})

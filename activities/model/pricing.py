"""What tokens cost, by genai-prices; an unknown model's cost is unknown, never 0."""

from quire.outcome import Usage
from quire.request import Request
from recipes.base.recipe import InputError


def list_price(model: str, usage: Usage) -> float | None:
    """USD of so many tokens at the model's list price."""
    from genai_prices import Usage as Priced  # a second of import that only a paid call needs
    from genai_prices import calc_price

    priced = Priced(
        input_tokens=usage.prompt_tokens,
        output_tokens=usage.completion_tokens,
        cache_read_tokens=usage.cached_tokens,
    )
    try:
        return float(calc_price(priced, model_ref=model.rsplit("/", 1)[-1]).total_price)
    except LookupError:
        return None


def usd_per_token(model: str, prompt: int, completion: int) -> float | None:
    """USD of a token at list price, where so many come in and go out; None where the price is unknown."""
    usage = Usage(prompt_tokens=max(1, prompt), completion_tokens=max(1, completion))
    price = list_price(model, usage)
    return None if price is None else price / (usage.prompt_tokens + usage.completion_tokens)


def must_be_known(request: Request) -> None:
    """Raise InputError for a budget in dollars where the price of a token is not known."""
    if request.budget.usd is not None and usd_per_token(request.generator.name, 1, 1) is None:
        name = request.generator.name
        raise InputError("budget.usd", f"the price of {name} is not known; give budget.tokens instead")


def usage_of(model: str, tokens: dict[str, int], *, simulated: bool) -> Usage:
    """One answer's usage with its cost. The simulator's are free."""
    usage = Usage(calls=1, cost_usd=0.0, **tokens)
    return usage if simulated else usage.model_copy(update={"cost_usd": list_price(model, usage)})

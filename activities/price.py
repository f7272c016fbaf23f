"""What tokens cost, by genai-prices; an unknown model's cost is unknown, never 0."""

from quire.outcome import Usage


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


def usage_of(model: str, tokens: dict[str, int], *, simulated: bool) -> Usage:
    """One answer's usage with its cost. The simulator's are free."""
    usage = Usage(calls=1, cost_usd=0.0, **tokens)
    return usage if simulated else usage.model_copy(update={"cost_usd": list_price(model, usage)})

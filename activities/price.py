"""What tokens cost, by genai-prices; an unknown model's cost is unknown, never 0."""

from quire.outcome import Usage


def cost(model: str, usage: dict[str, int], *, simulated: bool) -> float | None:
    """USD of one answer. The simulator's are free."""
    if simulated:
        return 0.0
    from genai_prices import Usage as Priced  # a second of import that only a paid call needs
    from genai_prices import calc_price

    try:
        price = calc_price(
            Priced(
                input_tokens=usage["prompt_tokens"],
                output_tokens=usage["completion_tokens"],
                cache_read_tokens=usage["cached_tokens"],
            ),
            model_ref=model.rsplit("/", 1)[-1],
        )
    except LookupError:
        return None
    return float(price.total_price)


def usage_of(model: str, tokens: dict[str, int], *, simulated: bool) -> Usage:
    """One answer's usage with its cost."""
    return Usage(calls=1, cost_usd=cost(model, tokens, simulated=simulated), **tokens)

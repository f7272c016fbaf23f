"""What a run may spend: reserved tokens, blended prices, raised caps."""

import pytest

from quire.budget import Spending, check_raised_caps
from quire.outcome import Usage
from quire.request import Budget


@pytest.mark.parametrize(
    ("budget", "tokens", "usd", "message"),
    [
        (Budget(tokens=4_000_000), 4_000_000, None, "budget.tokens is already 4,000,000; give a higher cap"),
        (Budget(tokens=1_234_567), 1, None, "budget.tokens is already 1,234,567; give a higher cap"),
        (Budget(usd=0.3), None, 0.2, "budget.usd is already 0.3; give a higher cap"),
        (Budget(usd=2.0), None, 2.0, "budget.usd is already 2; give a higher cap"),
        (Budget(tokens=9000), None, 1.0, "this run has no budget of usd"),
        (Budget(tokens=9000), None, None, "give a new cap: --tokens, --usd or both"),
        (Budget(tokens=9000, usd=1), 9001, None, ""),
    ],
)
def test_a_raised_cap_must_be_higher_than_the_cap_of_the_run(budget, tokens, usd, message):
    assert check_raised_caps(budget, tokens, usd) == message


def test_a_call_fits_as_long_as_the_cap_covers_spent_and_reserved_tokens():
    spending, usage = Spending(reserved={"1": 500}), Usage(calls=1, prompt_tokens=1000, completion_tokens=500)
    assert spending.explain_shortage(Budget(tokens=3000), usage, 1000) == ""
    message = "1,500 of 3,000 tokens are spent, and the next call may take 1,001"
    assert spending.explain_shortage(Budget(tokens=3000), usage, 1001) == message


def test_the_price_of_a_token_is_as_planned_until_cost_is_known():
    spending = Spending(usd_per_token=0.01)
    assert spending.blend_price(Usage()) == 0.01
    assert spending.blend_price(Usage(prompt_tokens=60, completion_tokens=40, cost_usd=2.0)) == 0.02
    assert Spending().blend_price(Usage(prompt_tokens=60, cost_usd=None)) == 0.0

"""A run's budget among its shards: each has a cap of its own, and together they never exceed the run's."""

from collections.abc import Iterable
from dataclasses import dataclass

from quire.commands import starter_command
from quire.progress import Waits
from workflows.state.run_data import RunData
from workflows.state.shard_messages import ShardOrders, ShardReport

MARGIN = 1.1
"""A shard's first cap, relative to its expected use: what it leaves is free again when it ends."""


@dataclass
class Allowance:
    """Tokens and US dollars that are neither spent nor allotted to a shard; None is no cap."""

    data: RunData
    tokens: int | None
    usd: float | None

    @staticmethod
    def calculate_remaining(data: RunData, orders: Iterable[ShardOrders]) -> "Allowance":
        """Return what the run has left in addition to the caps in the `orders` of its active shards."""
        caps = list(orders)
        budget, usage = data.request.budget, data.state.usage
        tokens = usd = None
        if budget.tokens is not None:
            tokens = budget.tokens - usage.tokens - sum(cap.tokens or 0 for cap in caps)
        if budget.usd is not None:
            usd = budget.usd - (usage.cost_usd or 0.0) - sum(cap.usd or 0.0 for cap in caps)
        return Allowance(data, tokens, usd)

    def choose_initial_cap(self, batches: int, slots: int) -> "Allowance | None":
        """Return the cap of a new shard; None if too little is left for a single call."""
        state = self.data.state
        tokens_per_call = state.spending.expect_tokens(-(-slots // batches), state.tokens_per_item, state.usage)
        return self._choose_cap(int(tokens_per_call * batches * MARGIN), tokens_per_call)

    def choose_additional_cap(self, report: ShardReport | None, *, ended: bool) -> "Allowance | None":
        """Return what a shard that has spent its cap gets in addition; None for other shards, or if nothing is left."""
        if report is None or report.waits != "budget" or ended:
            return None
        return self._choose_cap(int(report.tokens_wanted * MARGIN), _expect_smallest_call(self.data))

    def _choose_cap(self, expected: int, minimum: int) -> "Allowance | None":
        """Return up to `expected` tokens of what is left; None if that is less than `minimum`."""
        price = self.data.state.spending.blend_price(self.data.state.usage)
        if (self.tokens is not None and self.tokens < minimum) or (self.usd is not None and self.usd < minimum * price):
            return None
        tokens = None if self.tokens is None else min(self.tokens, expected)
        usd = None if self.usd is None else min(self.usd, expected * price) if price else self.usd
        return Allowance(self.data, tokens, usd)


def describe_shortage(data: RunData) -> tuple[Waits, str]:
    """Return why the run's budget allows no further shard; empty strings if it does."""
    state = data.state
    shortage = state.spending.explain_shortage(data.request.budget, state.usage, _expect_smallest_call(data))
    return ("budget", suggest_budget_commands(data, shortage)) if shortage else ("", "")


def suggest_budget_commands(data: RunData, shortage: str) -> str:
    """Return the sentence about a spent budget, with the commands that raise it or end the run."""
    budget, run_id = data.request.budget, data.job.workflow_id
    tokens = ("--tokens", "N") if budget.tokens is not None else ()
    usd = ("--usd", "X") if budget.usd is not None else ()
    raise_budget = starter_command("raise-budget", run_id, *tokens, *usd)
    return f"budget: {shortage}; {raise_budget}, or {starter_command('finish', run_id)}"


def _expect_smallest_call(data: RunData) -> int:
    """Return the tokens that a call for a single slot may take."""
    state = data.state
    return state.spending.expect_tokens(1, state.tokens_per_item, state.usage)

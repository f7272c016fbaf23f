"""A run's budget among its shards: each has a cap of its own, and together they never pass the run's."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quire.progress import Waits
from workflows.run.run import Run

if TYPE_CHECKING:
    from workflows.shards.tracker import Shard

MARGIN = 1.1
"""A shard's first cap over what it is expected to take: what it leaves comes back when it ends."""


@dataclass
class Allowance:
    """What is not spent and not allotted, in tokens and USD; None is no cap."""

    run: Run
    tokens: int | None
    usd: float | None

    @staticmethod
    def of(run: Run, shards: "Iterable[Shard]") -> "Allowance":
        """What is free beside these shards."""
        orders = [shard.given.orders for shard in shards if not shard.ended]
        budget, usage = run.request.budget, run.state.usage
        tokens = usd = None
        if budget.tokens is not None:
            spent = usage.prompt_tokens + usage.completion_tokens
            tokens = budget.tokens - spent - sum(one.tokens or 0 for one in orders)
        if budget.usd is not None:
            usd = budget.usd - (usage.cost_usd or 0.0) - sum(one.usd or 0.0 for one in orders)
        return Allowance(run, tokens, usd)

    def first(self, batches: int, slots: int) -> "Allowance | None":
        """The cap of a new shard of so many batches and slots, no more than what is free; None where that would not do
        for one call."""
        state = self.run.state
        one = state.spending.expect(-(-slots // batches), state.tokens_per_item, state.usage)
        return self._of(int(one * batches * MARGIN), one)

    def more(self, shard: "Shard") -> "Allowance | None":
        """What a shard that has spent its cap may have beyond it."""
        if shard.report is None or shard.report.waits != "budget" or shard.ended:
            return None
        state = self.run.state
        return self._of(int(shard.report.wanted * MARGIN), state.spending.expect(1, state.tokens_per_item, state.usage))

    def _of(self, wanted: int, least: int) -> "Allowance | None":
        rate = self._rate()
        if (self.tokens is not None and self.tokens < least) or (self.usd is not None and self.usd < least * rate):
            return None
        tokens = None if self.tokens is None else min(self.tokens, wanted)
        usd = None if self.usd is None else min(self.usd, wanted * rate) if rate else self.usd
        return Allowance(self.run, tokens, usd)

    def _rate(self) -> float:
        usage = self.run.state.usage
        spent = usage.prompt_tokens + usage.completion_tokens
        return usage.cost_usd / spent if usage.cost_usd and spent else self.run.state.spending.usd_per_token or 0.0

    def short(self) -> tuple[Waits, str]:
        """Why no shard may start, in words; empty where one may."""
        state = self.run.state
        said = state.spending.short_of(
            self.run.request.budget, state.usage, state.spending.expect(1, state.tokens_per_item, state.usage)
        )
        return ("budget", f"budget: {said}; raise-budget or finish") if said else ("", "")

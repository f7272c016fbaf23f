"""A very large run's shards, and what is seen of them."""

import asyncio
from dataclasses import dataclass, field

from temporalio.workflow import ChildWorkflowHandle

from quire import sharding
from quire.progress import BatchState, Waits
from quire.schedule import Schedule
from workflows.display.web_ui_page import ShardRow
from workflows.run.run import Run
from workflows.shards.budget_split import Allowance
from workflows.state.shard_messages import Ended, Orders, Report, ShardInput


@dataclass
class Shard:
    """One shard as the run sees it."""

    given: ShardInput
    """Without its batches: eight shards' would be a tenth of the worker's memory."""
    batches: str
    """The schedule that it is given, as JSON."""
    summary: str
    stretches: sharding.Stretches
    """Planned batches that it holds."""
    handle: ChildWorkflowHandle[object, Ended] | None = None
    report: Report | None = None
    raised: Orders | None = None
    """Its orders with higher caps, to be sent."""
    ended: bool = False
    tries: int = 0
    task: asyncio.Task[None] | None = None

    def schedule(self) -> Schedule:
        """Its batches, as they were when it began."""
        return Schedule.model_validate_json(self.batches)


@dataclass
class Shards:
    """The shards of one pass over the open batches."""

    run: Run
    waiting: list[sharding.Piece] = field(default_factory=list[sharding.Piece])
    active: dict[int, Shard] = field(default_factory=dict[int, Shard])

    def id_of(self, shard: Shard) -> str:
        """The shard's workflow id."""
        return f"{self.run.job.workflow_id}/shard-{shard.given.number:03d}"

    def states(self) -> dict[int, BatchState]:
        """Where the planned batches are that shards have or wait to get."""
        found: dict[int, BatchState] = {}
        stretches = [(shard.stretches, True) for shard in self.active.values()]
        pieces = [(piece.stretches, False) for piece in self.waiting]
        for piece, begun in [*stretches, *pieces]:
            state: BatchState = "GENERATING" if begun else "PENDING"
            found.update((number, state) for first, last in piece for number in range(first, last + 1))
        return found

    def reports(self) -> list[tuple[Report, list[int]]]:
        """The last report of each shard at work, and which groups it tells of."""
        return [
            (shard.report, shard.given.groups)
            for shard in self.active.values()
            if shard.report is not None and not shard.ended  # else it is in the run's own counts
        ]

    def unheard(self) -> int:
        """Calls that may be in flight in shards which have told nothing yet."""
        return sum(shard.given.orders.share for shard in self.active.values() if not (shard.report or shard.ended))

    def rows(self) -> list[ShardRow]:
        """The shards at work, for the run's page."""
        return [
            ShardRow(shard.given.number, self.id_of(shard), shard.given.state.target, shard.report)
            for shard in self.active.values()
            if not shard.ended
        ]

    def waits(self) -> tuple[Waits, str]:
        """What has to happen before any shard goes on; both empty where one does."""
        said: list[tuple[Waits, str]] = [
            (shard.report.waits, shard.report.why) for shard in self.active.values() if shard.report is not None
        ]
        repair = next((one for one in said if one[0] == "repair"), None)
        if repair is not None:
            return repair
        if said and len(said) == len(self.active) and all(waits for waits, _ in said):
            return said[0] if said[0][0] != "budget" else ("budget", self._spent())
        return Allowance.of(self.run, self.active.values()).short() if self.waiting and not self.active else ("", "")

    def _spent(self) -> str:
        """That the budget is spent, in words: the shards' own caps are no matter of a person's."""
        usage = self.run.state.usage
        for report, _ in self.reports():
            usage = usage.plus(report.usage)
        budget, parts = self.run.request.budget, list[str]()
        if budget.tokens is not None:
            parts.append(f"{usage.prompt_tokens + usage.completion_tokens} of {budget.tokens} tokens")
        if budget.usd is not None:
            parts.append(f"${usage.cost_usd or 0.0:.4f} of ${budget.usd:g}")
        return (
            f"budget: {' and '.join(parts)} are spent, and the rest is less than another call; raise-budget or finish"
        )

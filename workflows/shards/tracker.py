"""A very large run's shards: which wait, which are active, and what they report."""

import asyncio
from dataclasses import dataclass

from temporalio.workflow import ChildWorkflowHandle

from quire.progress import BatchState, Waits
from quire.schedule import Schedule
from quire.sharding import BatchRanges, ShardPlan
from workflows.shards.budget_split import Allowance, describe_shortage, suggest_budget_commands
from workflows.state.run_data import RunData
from workflows.state.shard_messages import ShardInput, ShardOrders, ShardReport, ShardResult, ShardRow


@dataclass
class Shard:
    """A shard as the run sees it."""

    input: ShardInput
    """Without its batches: those of eight shards would be a tenth of the worker's memory."""
    schedule_json: str
    """Its first schedule, packed for the same reason."""
    summary: str
    planned: BatchRanges
    """Planned batches that the shard holds."""
    handle: ChildWorkflowHandle[object, ShardResult] | None = None
    report: ShardReport | None = None
    raised_orders: ShardOrders | None = None
    """Orders with higher caps, to be sent."""
    ended: bool = False
    tries: int = 0
    task: asyncio.Task[None] | None = None

    def load_schedule(self) -> Schedule:
        """Return the schedule that the shard began with."""
        return Schedule.model_validate_json(self.schedule_json)


class Shards:
    """The shards of one pass over the open batches."""

    def __init__(self, data: RunData) -> None:
        self.data = data
        self.waiting: list[ShardPlan] = []
        """Shards that have not been started."""
        self.active: dict[int, Shard] = {}

    def build_shard_id(self, shard: Shard) -> str:
        """Return the shard's workflow id."""
        return f"{self.data.job.workflow_id}/shard-{shard.input.number:03d}"

    def record_report(self, report: ShardReport) -> None:
        """Keep a shard's latest report."""
        shard = self.active.get(report.number)
        if shard is not None:
            shard.report = report

    def list_reports(self) -> list[tuple[ShardReport, list[int]]]:
        """Return the last report of each active shard, with the positions of the groups in it."""
        return [
            (shard.report, shard.input.group_positions)
            for shard in self.active.values()
            if shard.report is not None and not shard.ended  # the run's own counts include an ended shard
        ]

    def list_batch_states(self) -> dict[int, BatchState]:
        """Return the state of each planned batch that an active or waiting shard holds, by number."""
        states: dict[int, BatchState] = {}
        active: list[tuple[BatchRanges, BatchState]] = [(shard.planned, "GENERATING") for shard in self.active.values()]
        waiting: list[tuple[BatchRanges, BatchState]] = [(plan.planned, "PENDING") for plan in self.waiting]
        for planned, state in [*active, *waiting]:
            states.update((number, state) for first, last in planned for number in range(first, last + 1))
        return states

    def list_rows(self) -> list[ShardRow]:
        """Return the active shards for the run's page."""
        return [
            ShardRow(shard.input.number, self.build_shard_id(shard), shard.input.state.target, shard.report)
            for shard in self.active.values()
            if not shard.ended
        ]

    def count_unreported_calls(self) -> int:
        """Return how many calls may be in flight in shards that have reported nothing yet."""
        return sum(shard.input.orders.call_slots for shard in self.active.values() if not (shard.report or shard.ended))

    def calculate_remaining_budget(self) -> Allowance:
        """Return what the run may spend in addition to the caps of its active shards."""
        return Allowance.calculate_remaining(
            self.data, (shard.input.orders for shard in self.active.values() if not shard.ended)
        )

    def describe_wait(self) -> tuple[Waits, str]:
        """Return what must happen before any shard continues, and a sentence on it; empty strings if one does."""
        waits: list[tuple[Waits, str]] = [
            (shard.report.waits, shard.report.why) for shard in self.active.values() if shard.report is not None
        ]
        repair = next((wait for wait in waits if wait[0] == "repair"), None)
        if repair is not None:
            return repair
        if waits and len(waits) == len(self.active) and all(kind for kind, _ in waits):
            return waits[0] if waits[0][0] != "budget" else ("budget", self._describe_spent_budget())
        return describe_shortage(self.data) if self.waiting and not self.active else ("", "")

    def _describe_spent_budget(self) -> str:
        """Return the sentence on the run's budget: the shards' own caps do not concern a person."""
        usage = self.data.state.usage
        for report, _ in self.list_reports():
            usage = usage.plus(report.usage)
        budget, parts = self.data.request.budget, list[str]()
        if budget.tokens is not None:
            parts.append(f"{usage.tokens:,} of {budget.tokens:,} tokens")
        if budget.usd is not None:
            parts.append(f"${usage.cost_usd or 0.0:.4f} of ${budget.usd:,.15g}")
        spent = f"{' and '.join(parts)} are spent, and the rest is less than another call"
        return suggest_budget_commands(self.data, spent)

"""Run all open batches: in this history, or in shards if they are too many for one."""

import asyncio
from array import array
from contextlib import suppress
from itertools import accumulate

from temporalio import workflow
from temporalio.exceptions import ChildWorkflowError, TemporalError
from temporalio.workflow import ParentClosePolicy

from quire import sharding
from quire.contracts import SHARD_WORKFLOW
from quire.outcome import OpenSlot
from quire.schedule import Schedule
from quire.slots import Batch, format_ranges
from workflows.run.batch_loop import continue_as_new, run_batch_loop
from workflows.run.run import Run
from workflows.shards.budget_split import Allowance
from workflows.shards.state_split import merge_shard_result, split_state
from workflows.shards.tracker import Shard, Shards
from workflows.state.shard_messages import ShardInput, ShardOrders, ShardResult

MAX_CARRIED = 20_000
"""Open batches up to which a history continues as new between two passes: the new history gets them as a payload."""
MAX_TRIES = 3
"""How often a shard that fails or is terminated is started, before its slots are given up."""


async def run_batches(run: Run) -> None:
    """Return when no batch is open, or the run is to end."""
    schedule = run.state.schedule
    if schedule.count_startable() > sharding.UNSHARDED_BATCHES and not run.ending:
        if run.is_warming_up():
            await run_batch_loop(run, until_first_answer=True)
        if workflow.info().is_continue_as_new_suggested() and len(schedule.ready) < MAX_CARRIED and not run.ending:
            await continue_as_new(run)
        await _run_in_shards(run)
    await run_batch_loop(run)


async def _run_in_shards(run: Run) -> None:
    dispatcher = run.shards = ShardDispatcher(run)
    dispatcher.split_batches()
    while dispatcher.active or (dispatcher.waiting and not run.ending):
        try:
            dispatcher.start_shards()
            await dispatcher.update_orders()
            run.publish_progress()
            await workflow.wait_condition(dispatcher.has_news)
        except asyncio.CancelledError:
            run.cancelled = True
            dispatcher.cancel_shards()
        run.has_new_report = False
        dispatcher.remove_ended_shards()
        dispatcher.split_batches()
    dispatcher.return_unsent_batches()
    run.shards = None


class ShardDispatcher(Shards):
    """Splits one pass's open batches into shards, starts and steers these, and merges their results."""

    def __init__(self, run: Run) -> None:
        super().__init__(run.data)
        self.run = run
        self._ends = array("q", [0])
        """Slots up to each planned batch."""
        self._lane_of: dict[int, int] = {}
        self._shards_planned = 0
        self._error: Exception | None = None
        """A programming error of a shard's task: it fails the run with its message."""

    def split_batches(self) -> None:
        """Take the open batches out of the run's schedule and split them into shards that wait."""
        schedule = self.run.state.schedule
        if not schedule.has_pending():
            return
        numbers = range(schedule.next_batch + 1, len(schedule.sizes) + 1)
        requeued = schedule.take_all()
        self._ends = array("q", accumulate(schedule.sizes, initial=0))
        self._lane_of = sharding.assign_lanes(schedule.after)
        plans = sharding.split_into_shards(numbers, requeued, self._lane_of)
        self.waiting += plans
        self._shards_planned += len(plans)

    def start_shards(self) -> None:
        """Start waiting shards as long as places and budget allow."""
        while self.may_start_shard() and (cap := self._choose_next_cap()) is not None:
            shard = self._build_shard(self.waiting.pop(0), cap)
            self.active[shard.input.number] = shard
            shard.task = asyncio.create_task(self._run_shard_with_restarts(shard))

    def may_start_shard(self) -> bool:
        """Return True if another shard may start now."""
        run = self.run
        places = min(sharding.ACTIVE_SHARDS, run.request.batching.concurrency)
        if not self.waiting or len(self.active) >= places or run.ending or run.describe_own_wait()[0]:
            return False
        return self._choose_next_cap() is not None

    def _choose_next_cap(self) -> Allowance | None:
        """Return what the next shard may spend; None if too little of the budget is left for it to start."""
        plan = self.waiting[0]
        batches = len(plan.requeued) + sum(last - first + 1 for first, last in plan.planned)
        slots = sum(len(batch.slots) for batch in plan.requeued)
        slots += sum(self._ends[last] - self._ends[first - 1] for first, last in plan.planned)
        return self.calculate_remaining_budget().choose_initial_cap(batches, slots)

    def _list_batches(self, plan: sharding.ShardPlan) -> list[Batch]:
        planned = [self._build_planned(number) for first, last in plan.planned for number in range(first, last + 1)]
        return sorted([*planned, *plan.requeued], key=lambda batch: batch.root)

    def _build_planned(self, number: int) -> Batch:
        return Batch(name=str(number), slots=tuple(range(self._ends[number - 1] + 1, self._ends[number] + 1)))

    def _build_shard(self, plan: sharding.ShardPlan, cap: Allowance) -> Shard:
        run, state, batches = self.run, self.run.state, self._list_batches(plan)
        state.shards_started += 1
        shard_state, positions = split_state(state, batches, self._lane_of)
        concurrency = run.request.batching.concurrency
        orders = ShardOrders(call_slots=1, concurrency=concurrency, tokens=cap.tokens, usd=cap.usd)
        input = ShardInput(
            job=run.job,
            number=state.shards_started,
            state=shard_state.model_copy(update={"schedule": Schedule()}),
            orders=orders.model_copy(update=self._common_orders()),
            group_positions=positions,
            batch_count=len(batches),
            report_steps=max(4, min(20, 400 // max(1, self._shards_planned))),
        )
        roots = format_ranges([batch.root for batch in batches])
        slots = sorted(number for batch in batches for number in batch.slots)
        summary = f"batches {roots}, {state.planned.noun} {slots[0]}-{slots[-1]}"[:200]
        return Shard(input, shard_state.schedule.model_dump_json(), summary, plan.planned)

    async def _run_shard_with_restarts(self, shard: Shard) -> None:
        """Run a shard to its end and merge its result.

        A shard that fails or is terminated starts again from its beginning: its answers are in the store, and cost
        nothing the second time.
        """
        try:
            result = await self._run_until_result(shard)
            if result is not None:
                self._merge_result(shard, result)
        except Exception as error:  # a programming error must fail the run, and not block it
            self._error = error
        finally:
            shard.ended = True

    async def _run_until_result(self, shard: Shard) -> ShardResult | None:
        while True:
            try:
                return await self._run_shard(shard)
            except (ChildWorkflowError, TemporalError) as error:
                shard.tries += 1
                shard.handle = shard.report = None
                if self.run.cancelled or shard.tries >= MAX_TRIES:
                    self._give_up_shard(shard, error)
                    return None
                self.run.state.add_warning(f"shard {shard.input.number} was started again: {_describe_cause(error)}")

    async def _run_shard(self, shard: Shard) -> ShardResult:
        shard.handle = await workflow.start_child_workflow(
            SHARD_WORKFLOW,
            args=[self.run.request, self._build_full_input(shard)],
            id=self.build_shard_id(shard),
            result_type=ShardResult,
            parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
            static_summary=shard.summary,
        )
        if self.run.cancelled:
            shard.handle.cancel()
        return await shard.handle

    def _build_full_input(self, shard: Shard) -> ShardInput:
        state = shard.input.state.model_copy(update={"schedule": shard.load_schedule()})
        return shard.input.model_copy(update={"state": state, "orders": self._build_orders(shard)})

    def _merge_result(self, shard: Shard, result: ShardResult) -> None:
        state = self.run.state
        merge_shard_result(state, result, shard.input.group_positions)
        if result.failed_slots and result.retry_count < state.retry_count:  # it ended before it heard of the retry
            state.reopen_late([slot.slot for slot in result.failed_slots])
        if result.stop_reason and not state.stop_reason:
            state.stop_reason, state.fatal_failure = result.stop_reason, result.fatal_failure

    def _give_up_shard(self, shard: Shard, error: BaseException) -> None:
        """Record all slots of a shard as failed; those of a cancelled run are only returned to its schedule."""
        state = self.run.state
        batches = shard.load_schedule().take_all()
        if self.run.cancelled:
            state.schedule.requeue_all(batches)
            return
        detail = f"shard {shard.input.number} failed {shard.tries} times: {_describe_cause(error)}"[:300]
        state.give_up_slots(
            OpenSlot(slot=number, reason="failed", detail=detail) for batch in batches for number in batch.slots
        )
        state.batches.failed += len(batches)
        state.failed_batches += [batch.root for batch in batches]

    def _build_orders(self, shard: Shard) -> ShardOrders:
        """Return a shard's current orders: its part of the calls in flight, and what people have asked of the run."""
        concurrency = self.run.request.batching.concurrency
        parts = sharding.split_calls(max(concurrency, len(self.active)), len(self.active))
        call_slots = parts[list(self.active).index(shard.input.number)]
        orders = shard.raised_orders or shard.input.orders
        return orders.model_copy(update={"call_slots": call_slots, "concurrency": concurrency, **self._common_orders()})

    def _common_orders(self) -> dict[str, object]:
        """Return the fields of `ShardOrders` that are equal for all shards."""
        state = self.run.state
        return {
            "paused": state.paused,
            "resume_count": state.resume_count,
            "stop_reason": state.stop_reason,
            "retry_count": state.retry_count,
        }

    def _list_outdated(self) -> list[Shard]:
        """Return the shards whose orders have changed since they were sent."""
        return [
            shard
            for shard in self.active.values()
            if shard.handle is not None and not shard.ended and self._build_orders(shard) != shard.input.orders
        ]

    def _choose_additional_cap(self, shard: Shard) -> Allowance | None:
        return self.calculate_remaining_budget().choose_additional_cap(shard.report, ended=shard.ended)

    async def update_orders(self) -> None:
        """Raise the caps of shards that have spent theirs while some budget is left, and send all changed orders."""
        for shard in self.active.values():
            cap = self._choose_additional_cap(shard)
            if cap is not None and shard.report is not None:
                orders, caps = shard.input.orders, {}
                if cap.tokens is not None:
                    caps["tokens"] = (orders.tokens or 0) + cap.tokens
                if cap.usd is not None:
                    caps["usd"] = (orders.usd or 0.0) + cap.usd
                shard.raised_orders = orders.model_copy(update=caps)
                shard.report = shard.report.model_copy(update={"waits": "", "why": ""})
        for shard in self._list_outdated():
            shard.input.orders = self._build_orders(shard)
            shard.raised_orders = None
            await send_orders(shard)

    def has_news(self) -> bool:
        """Return True if the dispatcher has something to do."""
        run = self.run
        if self._error is not None or any(shard.ended for shard in self.active.values()):
            return True
        if run.has_new_report or self.may_start_shard() or self._list_outdated() or run.state.schedule.has_pending():
            return True
        if any(self._choose_additional_cap(shard) is not None for shard in self.active.values()):
            return True
        return run.ending and not self.active

    def remove_ended_shards(self) -> None:
        """Forget shards that have ended. Raises the programming error of a shard's task, if there was one."""
        if self._error is not None:
            raise self._error
        self.active = {number: shard for number, shard in self.active.items() if not shard.ended}

    def cancel_shards(self) -> None:
        """Cancel all active shards with the run; their calls in flight, which are paid for, may finish."""
        for shard in self.active.values():
            if shard.handle is not None:
                shard.handle.cancel()

    def return_unsent_batches(self) -> None:
        """Return the batches of shards that never started to the run's schedule."""
        for plan in self.waiting:
            self.run.state.schedule.requeue_all(self._list_batches(plan))
        self.waiting.clear()


async def send_orders(shard: Shard) -> None:
    """Send a shard its orders, or return as soon as it ends: the server retries a signal to an ending shard for
    seconds."""
    if not shard.ended:
        signal = asyncio.create_task(_signal_orders(shard))
        await workflow.wait_condition(lambda: signal.done() or shard.ended)


async def _signal_orders(shard: Shard) -> None:
    with suppress(TemporalError):  # the shard has just ended
        if shard.handle is not None:
            await shard.handle.signal("orders", shard.input.orders)


def _describe_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error)[:200] or type(error).__name__

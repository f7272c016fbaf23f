"""The workflow `GenerateShard`: some of a very large run's batches, in a history of their own, reported to the run."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import TemporalError

with workflow.unsafe.imports_passed_through():
    from quire.contracts import SHARD_REPORT_SIGNAL, SHARD_WORKFLOW
    from quire.progress import Result
    from quire.request import Request
    from workflows.display.web_ui_page import render_shard_page
    from workflows.own_errors import OWN_ERRORS
    from workflows.run.batch_loop import run_batch_loop
    from workflows.run.run import Run
    from workflows.state.run_data import RunData
    from workflows.state.shard_messages import ShardInput, ShardOrders, ShardReport, ShardResult


class ShardRun(Run):
    """A run that reports to the run it is a part of."""

    def __init__(self, request: Request, input: ShardInput) -> None:
        super().__init__(RunData(request, input.state, input.job))
        self.input = input
        self.stage = "generating"
        self.last_report: ShardReport | None = None
        self.sending: asyncio.Task[None] | None = None
        self.apply_orders(input.orders)

    def apply_orders(self, orders: ShardOrders) -> None:
        """Obey these orders from now on."""
        state = self.state
        self.input.orders = orders
        self.shard_call_slots = orders.call_slots
        state.paused, state.stop_reason = orders.paused, state.stop_reason or orders.stop_reason
        if orders.resume_count > state.resume_count:
            state.resume_count, state.blocker, state.quota_resets_at = orders.resume_count, None, None
        if orders.retry_count > state.retry_count:
            state.reopen_failed(number=orders.retry_count)
        batching = self.request.batching.model_copy(update={"concurrency": orders.concurrency})
        budget = self.request.budget.model_copy(update={"tokens": orders.tokens, "usd": orders.usd})
        self.request = self.request.model_copy(update={"batching": batching, "budget": budget})

    def publish_progress(self, *, force: bool = False, result: Result | None = None) -> None:
        """Report to the run if enough is done since the last report, or if the shard has begun to wait."""
        counts = self.state.batches
        step = (counts.completed + counts.failed) * self.input.report_steps // self.input.batch_count
        if not force and step == self.input.steps_reported and not self._has_news():
            return
        self.input.steps_reported = step
        self.last_report = self.build_report()
        page = render_shard_page(self.input.job, workflow.info().namespace, self.last_report, self.input.batch_count)
        workflow.set_current_details(page)
        if self.sending is None:
            self.sending = asyncio.create_task(self._send_reports())

    def _has_news(self) -> bool:
        """Return True if the shard waits for something else than it last reported, has failed, or has come to rest."""
        waits, previous = self.describe_wait()[0], self.last_report
        if previous is None or previous.waits != waits or previous.fatal_failure != self.state.fatal_failure:
            return True
        return bool(waits and not self.calls_in_flight and previous.in_flight)

    def on_batch_done(self) -> None:
        """Report a smaller number of calls in flight only if no new calls start."""
        if self.describe_wait()[0]:
            self.publish_progress()

    async def _send_reports(self) -> None:
        """Send the last report, one at a time: signals that are sent together may arrive in another order."""
        parent, sent = workflow.info().parent, None
        while parent is not None and self.last_report is not None and self.last_report is not sent:
            sent = self.last_report
            try:
                await workflow.get_external_workflow_handle(parent.workflow_id).signal(SHARD_REPORT_SIGNAL, sent)
            except TemporalError:  # the run was terminated
                break
        self.sending = None

    def build_report(self) -> ShardReport:
        """Return the counts as they are now."""
        state = self.state
        waits, why = self.describe_wait()
        open_slots = state.target - state.items - len(state.failed)
        return ShardReport(
            number=self.input.number,
            items=state.items,
            failed=len(state.failed),
            batches_completed=state.batches.completed,
            batches_failed=state.batches.failed,
            in_flight=self.calls_in_flight,
            rounds=state.rounds,
            usage=state.usage,
            models=state.models,
            groups=state.groups,
            fallbacks=state.fallbacks,
            reused=state.reused,
            simulated=state.simulated,
            waits=waits,
            why=why,
            tokens_wanted=self.expect_tokens(max(1, open_slots)),
            stop_reason=None if self.input.orders.stop_reason else state.stop_reason,
            fatal_failure=state.fatal_failure,
        )

    def build_result(self) -> ShardResult:
        """Return everything that the run takes over from this shard."""
        state = self.state
        return ShardResult(
            **self.build_report().model_dump(),
            failed_slots=sorted(state.failed, key=lambda slot: slot.slot),
            failed_batches=state.failed_batches,
            unsent=state.schedule.take_all(),
            lane_files=state.schedule.lane_files,
            filled_by_batch=state.filled_by_batch,
            to_recount=state.to_recount,
            warnings=state.warnings,
            tokens_per_item=state.tokens_per_item,
            seconds_per_call=state.seconds_per_call,
            calls_timed=state.calls_timed,
            retry_count=state.retry_count,
        )


@workflow.defn(name=SHARD_WORKFLOW, failure_exception_types=OWN_ERRORS)
class GenerateShard:
    """Generates some of a run's batches. The run starts it, steers it and awaits its result."""

    @workflow.init
    def __init__(self, request: Request, input: ShardInput) -> None:
        self.shard = ShardRun(request, input)

    @workflow.run
    async def run(self, request: Request, input: ShardInput) -> ShardResult:
        shard = self.shard
        await run_batch_loop(
            shard, next_input=lambda: [shard.request, shard.input.model_copy(update={"state": shard.state})]
        )
        await workflow.wait_condition(lambda: shard.sending is None)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return shard.build_result()

    @workflow.query(description="How far the shard is; ask the run for the whole")
    def progress(self) -> ShardReport:
        return self.shard.build_report()

    @workflow.signal(description="Not for people: the run steers the shard")
    def orders(self, orders: ShardOrders) -> None:
        shard = self.shard
        shard.apply_orders(orders)
        shard.last_report = None  # the run expects these orders to help, and must hear it if they do not
        if shard.describe_wait()[0]:
            shard.publish_progress()

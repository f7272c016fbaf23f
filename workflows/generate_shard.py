"""A shard: some of a very large run's batches, made in a history of their own and reported to the run."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import TemporalError

with workflow.unsafe.imports_passed_through():
    from quire.contracts import SHARD, SHARD_REPORT
    from quire.request import Request
    from workflows.display.web_ui_page import shard_details
    from workflows.run.batch_loop import pump
    from workflows.run.run import Run
    from workflows.state.shard_messages import Ended, Orders, Report, ShardInput


class ShardRun(Run):
    """A run that tells another instead of the Web UI's list."""

    def __init__(self, request: Request, given: ShardInput) -> None:
        super().__init__(request, given.state)
        self.given = given
        self.stage = "generating"
        self.whole = given.job
        self.said: Report | None = None
        self.sending: asyncio.Task[None] | None = None
        self.obey(given.orders)

    def obey(self, orders: Orders) -> None:
        """Go by these from now on."""
        state = self.state
        self.given.orders = orders
        self.share = orders.share
        state.paused, state.stopped = orders.paused, state.stopped or orders.stopped
        if orders.resumed > state.resumed:
            state.resumed, state.trouble, state.until = orders.resumed, None, None
        if orders.retries > state.retries:
            state.retry(number=orders.retries)
        batching = self.request.batching.model_copy(update={"concurrency": orders.width})
        budget = self.request.budget.model_copy(update={"tokens": orders.tokens, "usd": orders.usd})
        self.request = self.request.model_copy(update={"batching": batching, "budget": budget})

    def show(self, *, force: bool = False, ended: object = None) -> None:
        """Report where enough was done since the last time, or something has to happen."""
        counts = self.state.batches
        mark = (counts.completed + counts.failed) * self.given.marks // self.given.batches
        waits = self.waits()[0]
        news = self.said is None or self.said.waits != waits or self.said.fatal != self.state.fatal
        news = news or bool(waits and not self.places and self.said is not None and self.said.in_flight)
        if not force and not news and mark == self.given.marked:
            return
        self.given.marked = mark
        self.said = self.report()
        workflow.set_current_details(
            shard_details(self.given.job, workflow.info().namespace, self.said, self.given.batches)
        )
        if self.sending is None:
            self.sending = asyncio.create_task(self._tell())

    def settled(self) -> None:
        """Where others follow and new ones start, only then is it told how many are in flight."""
        if self.waits()[0]:
            self.show()

    async def _tell(self) -> None:
        """Send the last report, one at a time: signals that are sent together may change places."""
        parent, told = workflow.info().parent, None
        while parent is not None and self.said is not None and self.said is not told:
            told = self.said
            try:
                await workflow.get_external_workflow_handle(parent.workflow_id).signal(SHARD_REPORT, told)
            except TemporalError:  # the run is gone: it was ended by force
                break
        self.sending = None

    def report(self) -> Report:
        """Counts as they are now."""
        state = self.state
        waits, why = self.waits()
        open_slots = state.target - state.items - len(state.failed)
        return Report(
            number=self.given.number,
            items=state.items,
            failed=len(state.failed),
            completed=state.batches.completed,
            given_up=state.batches.failed,
            in_flight=self.places,
            rounds=state.rounds,
            usage=state.usage,
            models=state.models,
            groups=state.groups,
            fallbacks=state.fallbacks,
            reused=state.reused,
            simulated=state.simulated,
            waits=waits,
            why=why,
            wanted=state.spending.expect(max(1, open_slots), state.tokens_per_item, state.usage),
            stopped=None if self.given.orders.stopped else state.stopped,
            fatal=state.fatal,
        )

    def ended_report(self) -> Ended:
        """Everything that the run needs to know."""
        state = self.state
        return Ended(
            **self.report().model_dump(),
            failed_slots=sorted(state.failed, key=lambda slot: slot.slot),
            batches_failed=state.batches_failed,
            left=state.schedule.handed_out(),
            files=state.schedule.files,
            partly=state.partly,
            recounted=state.recounted,
            warnings=state.warnings,
            tokens_per_item=state.tokens_per_item,
            seconds_a_call=state.seconds_a_call,
            calls_timed=state.calls_timed,
            retries=state.retries,
        )


@workflow.defn(name=SHARD)
class GenerateShard:
    """Makes some of a run's batches. It is started, steered and awaited by the run."""

    @workflow.init
    def __init__(self, request: Request, given: ShardInput) -> None:
        self.kept = ShardRun(request, given)

    @workflow.run
    async def run(self, request: Request, given: ShardInput) -> Ended:
        run = self.kept
        await pump(run, anew=lambda: [run.request, run.given.model_copy(update={"state": run.state})])
        await workflow.wait_condition(lambda: run.sending is None)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return run.ended_report()

    @workflow.query(description="How far the shard is; ask the run for the whole")
    def progress(self) -> Report:
        return self.kept.report()

    @workflow.signal(description="What the run tells the shard to go by")
    def orders(self, orders: Orders) -> None:
        run = self.kept
        run.obey(orders)
        run.said = None  # the run takes it that these orders help: it must hear where they do not
        if run.waits()[0]:
            run.show()

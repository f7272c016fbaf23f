"""The workflow `GenerateArtifact`: plan, generate batches, find duplicates, assemble, verify; and the messages by which
people steer it."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from quire.budget import check_raised_caps
    from quire.contracts import SHARD_REPORT_SIGNAL, ExtendInput, Job, PlanInput
    from quire.progress import BatchStatus, Progress, Result
    from quire.request import MAX_TARGET, Budget, Request
    from workflows.display.progress_query import list_batch_statuses
    from workflows.own_errors import OWN_ERRORS
    from workflows.run import activity_calls
    from workflows.run.finish import finish_run
    from workflows.run.planning_and_duplicates import make_preparations, reopen_duplicates, wait_for_plan_approval
    from workflows.run.run import EndingTooLong, Run
    from workflows.shard_dispatcher import run_batches
    from workflows.state.run_data import RunData
    from workflows.state.shard_messages import ShardReport
    from workflows.state.state import State

MAX_CONCURRENCY = 1000
MAX_BATCH_PAGE = 1000


@workflow.defn(name="GenerateArtifact", failure_exception_types=OWN_ERRORS)
class GenerateArtifact:
    """Generates one artifact: splits it into batches, keeps every complete item, ends with a verdict."""

    @workflow.init
    def __init__(self, request: Request, state: State | None = None) -> None:
        # If fewer arguments come than are declared, as from the Temporal CLI, the SDK hands them over undecoded.
        request = Request.model_validate(request)
        job = Job(workflow_id=workflow.info().workflow_id, store=request.output.store)
        self.artifact_run = Run(RunData(request, state or State(), job))

    @workflow.run
    async def run(self, request: Request, state: State | None = None) -> Result:
        run = self.artifact_run
        if not run.state.started:
            run.state.started = workflow.now().timestamp()
        if run.state.plan is None:
            await self._make_plan()
        run.publish_progress()
        await wait_for_plan_approval(run)
        try:
            await make_preparations(run)
        except ApplicationError:
            await run.mlflow_log.close("failed")
            raise
        await run_batches(run)
        while await reopen_duplicates(run):
            await run_batches(run)
        return await finish_run(run)

    async def _make_plan(self) -> None:
        run, state = self.artifact_run, self.artifact_run.state
        input = PlanInput(
            job=run.job,
            request=run.request,
            continue_earlier_run=state.continue_earlier_run,
            more_slots=state.more_slots,
        )
        try:
            state.apply_plan(await run.finish_in_time(activity_calls.call_plan(input)))
        except EndingTooLong:
            if run.cancelled:
                raise asyncio.CancelledError from None
            raise ApplicationError(
                "the run was ended while it was being planned, and nothing has been generated", type="EndedEarly"
            ) from None
        run.request = state.planned.request or run.request
        run.stage = "generating"

    # Queries -------------------------------------------------------------------------------------------------------

    @workflow.query(description="How far the run is: counts, tokens, cost, groups, and the line that a person reads")
    def progress(self) -> Progress:
        return self.artifact_run.build_progress()

    @workflow.query(description="State of each planned batch, up to 1000 of them. Data: number of the first batch")
    def batches(self, first: int = 1, count: int = MAX_BATCH_PAGE) -> list[BatchStatus]:
        run = self.artifact_run
        in_shards = run.shards.list_batch_states() if run.shards else {}
        return list_batch_statuses(run.state, max(1, first), min(count, MAX_BATCH_PAGE), in_shards)

    # Signals -------------------------------------------------------------------------------------------------------

    @workflow.signal(name=SHARD_REPORT_SIGNAL, description="Not for people: a shard reports its progress to the run")
    def shard_report(self, report: ShardReport) -> None:
        if self.artifact_run.shards is not None:
            self.artifact_run.shards.record_report(report)
            self.artifact_run.has_new_report = True

    @workflow.signal(description="Start no further calls; those in flight finish. No data")
    def pause(self) -> None:
        self.artifact_run.state.paused = True
        self.artifact_run.update_page()

    @workflow.signal(description="Continue after a pause, or when key, funds or store are fixed. No data")
    def resume(self) -> None:
        state = self.artifact_run.state
        state.resume_count += 1
        state.paused, state.blocker, state.quota_resets_at = False, None, None
        self.artifact_run.update_page()

    @workflow.signal(description="Start no further calls and assemble what is there. No data")
    def finish_now(self) -> None:
        state = self.artifact_run.state
        state.stop_reason = state.stop_reason or "finished early, as asked"
        self.artifact_run.update_page()

    # Updates -------------------------------------------------------------------------------------------------------

    @workflow.update(description="Continue after the plan, or the first batch, has been looked at. No data")
    def approve(self) -> str:
        self.artifact_run.state.approved = True
        return "approved"

    @approve.validator
    def _check_approval(self) -> None:
        if self.artifact_run.describe_wait()[0] != "approval":
            raise ApplicationError("nothing waits for approval")

    @workflow.update(description="How many calls may be in flight. Data: a number from 1 to 1000")
    def set_concurrency(self, calls_in_flight: int) -> str:
        run = self.artifact_run
        batching = run.request.batching.model_copy(update={"concurrency": calls_in_flight})
        run.request = run.request.model_copy(update={"batching": batching})
        run.update_page()
        return f"{calls_in_flight} calls in flight"

    @set_concurrency.validator
    def _check_concurrency(self, calls_in_flight: int) -> None:
        self._check_generating()
        if not 1 <= calls_in_flight <= MAX_CONCURRENCY:
            raise ApplicationError(f"calls in flight must be 1 to {MAX_CONCURRENCY:,}, not {calls_in_flight}")

    @workflow.update(description="A higher cap. Data: tokens in all, such as 400000. A second value is US dollars")
    def raise_budget(self, tokens: int | None = None, usd: float | None = None) -> str:
        run = self.artifact_run
        caps = {key: value for key, value in (("tokens", tokens), ("usd", usd)) if value is not None}
        budget = run.request.budget.model_copy(update=caps)
        run.request = run.request.model_copy(update={"budget": budget})
        run.update_page()
        return ", ".join(f"{key} {value}" for key, value in caps.items())

    @raise_budget.validator
    def _check_budget(self, tokens: int | None = None, usd: float | None = None) -> None:
        self._check_generating()
        Budget(tokens=tokens, usd=usd)  # if fewer arguments come than are declared, they come undecoded
        problem = check_raised_caps(self.artifact_run.request.budget, tokens, usd)
        if problem:
            raise ApplicationError(problem)

    @workflow.update(description="Open every slot that gave up once more. No data")
    def retry_failed(self) -> str:
        run = self.artifact_run
        count = self._count_failed_in_shards()
        count += run.state.reopen_failed()  # shards get the number of the retry with their orders
        return f"{count} {run.state.planned.noun} are open again"

    @retry_failed.validator
    def _check_failures(self) -> None:
        self._check_generating()
        if not self.artifact_run.state.failed and not self._count_failed_in_shards():
            raise ApplicationError("no slot has given up")

    def _count_failed_in_shards(self) -> int:
        shards = self.artifact_run.shards
        return sum(report.failed for report, _ in shards.list_reports()) if shards else 0

    @workflow.update(description="More items, at the end. Data: how many")
    async def extend(self, more: int) -> str:
        run = self.artifact_run
        run.extensions_running += 1
        try:
            extension = await activity_calls.call_extend(ExtendInput(job=run.job, more_slots=more))
            if not run.extensions_running:
                raise ApplicationError("the run ended before its plan was extended")
            run.state.extend_plan(extension)
        except ActivityError as error:
            raise activity_calls.to_failure(error) from error
        finally:
            run.extensions_running = max(0, run.extensions_running - 1)
        return f"{run.state.target} {run.state.planned.noun} in all"

    @extend.validator
    def _check_extension(self, more: int) -> None:
        self._check_generating()
        if more < 1:
            raise ApplicationError(f"extend by at least 1 item, not {more}")
        if self.artifact_run.state.target + more > MAX_TARGET:
            raise ApplicationError(f"{more:,} more would exceed the limit of {MAX_TARGET:,} items in all")

    def _check_generating(self) -> None:
        run = self.artifact_run
        if run.ending or run.stage != "generating":
            state = "ending" if run.ending and run.stage == "generating" else run.stage
            raise ApplicationError(f"the run is {state}, not generating")

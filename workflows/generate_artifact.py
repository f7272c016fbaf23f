"""The run: plan, pump batches, look for twins, assemble, verify; and the messages by which people steer it."""

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from quire.budget import raised
    from quire.contracts import SHARD_REPORT, ExtendInput, PlanInput
    from quire.progress import BatchStatus, Progress, Result
    from quire.request import MAX_TARGET, Budget, Request
    from workflows.display.progress_query import statuses
    from workflows.making import made
    from workflows.run import activity_calls
    from workflows.run.finish import bind
    from workflows.run.planning_and_duplicates import approved, prepare, twins_reopened
    from workflows.run.run import Run
    from workflows.state.shard_messages import Report
    from workflows.state.state import State

WIDEST = 1000


@workflow.defn(name="GenerateArtifact", failure_exception_types=[ValidationError])
class GenerateArtifact:
    """Makes one artifact: splits it into batches, keeps every complete item, ends with a verdict."""

    @workflow.init
    def __init__(self, request: Request, state: State | None = None) -> None:
        # Where fewer arguments come than are declared, as from the Temporal CLI, the SDK hands them over undecoded.
        self.kept = Run(Request.model_validate(request), state or State())

    @workflow.run
    async def run(self, request: Request, state: State | None = None) -> Result:
        run = self.kept
        if not run.state.started:
            run.state.started = workflow.now().timestamp()
        if run.state.plan is None:
            asked = PlanInput(job=run.job, request=run.request, take_over=run.state.take_over, more=run.state.more)
            run.state.adopt(await activity_calls.plan(asked))
            run.request = run.state.planned.request or run.request
            run.stage = "generating"
        run.show()
        await approved(run)
        try:
            await prepare(run)
        except ApplicationError:
            await run.logbook.close("failed")
            raise
        await made(run)
        while await twins_reopened(run):
            await made(run)
        return await bind(run)

    @workflow.query(description="How far the run is: counts, tokens, cost, groups, and the line that a person reads")
    def progress(self) -> Progress:
        return self.kept.progress()

    @workflow.signal(name=SHARD_REPORT, description="Not for people: a shard tells the run how far it is")
    def shard_report(self, report: Report) -> None:
        if self.kept.fleet is not None:
            self.kept.fleet.heard(report)
            self.kept.reported = True

    @workflow.query(description="Where each planned batch is, up to 1000 of them. Data: from which one on")
    def batches(self, first: int = 1, count: int = 1000) -> list[BatchStatus]:
        run = self.kept
        return statuses(run.state, max(1, first), min(count, 1000), run.fleet.states() if run.fleet else {})

    @workflow.signal(description="Start no further calls; those in flight finish. No data")
    def pause(self) -> None:
        self.kept.state.paused = True
        self.kept.describe()

    @workflow.signal(description="Go on after a pause, or when key, funds or store are mended. No data")
    def resume(self) -> None:
        self.kept.state.resumed += 1
        self.kept.state.paused = False
        self.kept.state.trouble = None
        self.kept.state.until = None
        self.kept.describe()

    @workflow.signal(description="Start no further calls and bind what is there. No data")
    def finish_now(self) -> None:
        self.kept.state.stopped = self.kept.state.stopped or "finished early, as asked"
        self.kept.describe()

    @workflow.update(description="Go on after the plan, or the first batch, has been looked at. No data")
    def approve(self) -> str:
        self.kept.state.approved = True
        return "approved"

    @approve.validator
    def _approvable(self) -> None:
        if self.kept.waits()[0] != "approval":
            raise ApplicationError("nothing waits for approval")

    @workflow.update(description="How many calls may be in flight. Data: a number from 1 to 1000")
    def set_concurrency(self, calls_in_flight: int) -> str:
        run = self.kept
        batching = run.request.batching.model_copy(update={"concurrency": calls_in_flight})
        run.request = run.request.model_copy(update={"batching": batching})
        run.describe()
        return f"{calls_in_flight} calls in flight"

    @set_concurrency.validator
    def _is_a_width(self, calls_in_flight: int) -> None:
        self._is_live()
        if not 1 <= calls_in_flight <= WIDEST:
            raise ApplicationError(f"calls in flight are 1 to {WIDEST}, not {calls_in_flight}")

    @workflow.update(description="A higher cap. Data: tokens in all, such as 400000. A second value is US dollars")
    def raise_budget(self, tokens: int | None = None, usd: float | None = None) -> str:
        run = self.kept
        changes = {key: value for key, value in (("tokens", tokens), ("usd", usd)) if value is not None}
        budget = run.request.budget.model_copy(update=changes)
        run.request = run.request.model_copy(update={"budget": budget})
        run.describe()
        return ", ".join(f"{key} {value}" for key, value in changes.items())

    @raise_budget.validator
    def _is_higher(self, tokens: int | None = None, usd: float | None = None) -> None:
        self._is_live()
        Budget(tokens=tokens, usd=usd)  # where fewer arguments come than are declared, they come undecoded
        wrong = raised(self.kept.request.budget, tokens, usd)
        if wrong:
            raise ApplicationError(wrong)

    @workflow.update(description="Open every slot that gave up once more. No data")
    def retry_failed(self) -> str:
        fleet = self.kept.fleet
        count = sum(report.failed for report, _ in fleet.reports()) if fleet else 0
        count += self.kept.state.retry()  # the number of the retry goes to the shards with their orders
        return f"{count} {self.kept.state.planned.noun} are open again"

    @retry_failed.validator
    def _has_failures(self) -> None:
        self._is_live()
        fleet = self.kept.fleet
        if not self.kept.state.failed and not (fleet and any(report.failed for report, _ in fleet.reports())):
            raise ApplicationError("no slot has given up")

    @workflow.update(description="More items, at the end. Data: how many")
    async def extend(self, more: int) -> str:
        run = self.kept
        run.extending += 1
        try:
            run.state.extend(await activity_calls.extend(ExtendInput(job=run.job, more=more)))
        except ActivityError as error:
            raise activity_calls.as_failure(error) from error
        finally:
            run.extending -= 1
        return f"{run.state.target} {run.state.planned.noun} in all"

    @extend.validator
    def _is_an_extension(self, more: int) -> None:
        self._is_live()
        if more < 1 or self.kept.state.target + more > MAX_TARGET:
            raise ApplicationError(f"an extension is 1 or more, up to {MAX_TARGET} in all, not {more}")

    def _is_live(self) -> None:
        if self.kept.stage != "generating" or self.kept.ending:
            raise ApplicationError(f"the run is {self.kept.stage}, not generating")

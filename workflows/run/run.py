"""The run as its phases share it: request, state, calls in flight, and what the run waits for."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError

from quire.batching import count_items_per_answer
from quire.commands import starter_command
from quire.contracts import AWAITS_RATE_LIMIT, FIXABLE_FAILURES, INTERNAL_ERROR, QUOTA_SPENT, UNHEARD, Job
from quire.outcome import Outcome, read_unheard_usage
from quire.progress import Progress, Result, Waits
from quire.request import Request
from quire.slots import Batch
from workflows.display import progress_query
from workflows.display.search_attributes import publish_search_attributes
from workflows.display.web_ui_page import Page, render_run_page
from workflows.run.mlflow_log import MlflowLog
from workflows.shards.budget_split import suggest_budget_commands
from workflows.shards.tracker import Shards
from workflows.state.run_data import RunData
from workflows.state.state import Blocker, State

T = TypeVar("T")
MAX_BLOCKER = 600
"""Characters of the message for which a run waits: it may name a file and a traceback by their full addresses."""
DRAIN_TIME = timedelta(seconds=60)
"""How long an ending run waits for the calls in flight, which are paid for; and then for its artifact."""
SLOTS_PER_SECOND = 1000
"""Slots for which the work on the artifact of an ending run may take a second longer."""


class EndingTooLong(Exception):
    """Work of an ending run that has taken longer than its end may take."""


class Run:
    """The request, the state and the running tasks of a run or a shard."""

    def __init__(self, data: RunData) -> None:
        self.data = data
        self.tasks: dict[str, asyncio.Task[None]] = {}
        """Tasks whose calls are in flight, by the name of their first batch."""
        self.calls_in_flight = 0
        self.lost_racers: set[asyncio.Task[None]] = set()
        """Calls that lost a race and are still awaited, for their cost."""
        self.extensions_running = 0
        self.shard_call_slots: int | None = None
        """In a shard: calls in flight that it may have, of those of the whole run."""
        self.shards: Shards | None = None
        """The run's shards, while there are any."""
        self.has_new_report = False
        """Whether a shard has reported since the shards were last looked at."""
        self.mlflow_log = MlflowLog(data, self.build_progress)
        self.stage = "planning" if data.state.plan is None else "generating"
        self.cancelled = False
        self.error: Exception | None = None
        """A programming error in a task: it fails the run with its message, see `workflows/own_errors.py`."""

    @property
    def request(self) -> Request:
        """The request as it is now: with the recipe's defaults, and with changes made during the run."""
        return self.data.request

    @request.setter
    def request(self, request: Request) -> None:
        self.data.request = request

    @property
    def state(self) -> State:
        """Counts, open batches and failures."""
        return self.data.state

    @property
    def job(self) -> Job:
        """The location of the run's files."""
        return self.data.job

    @property
    def ending(self) -> bool:
        """True if the run makes no further call."""
        return self.cancelled or self.state.stop_reason is not None

    @property
    def call_slots(self) -> int:
        """Calls in flight that this workflow may have."""
        return self.shard_call_slots or self.request.batching.concurrency

    def estimate_items_per_answer(self) -> int:
        """Return how many items fit into an answer, by the tokens that an item has taken so far."""
        return count_items_per_answer(self.request.generator.max_output_tokens, self.state.tokens_per_item)

    def is_warming_up(self) -> bool:
        """Return True while the first batch goes alone, to warm the provider's cache or to be approved."""
        state = self.state
        single = self.request.batching.warm_up or (self.request.approve == "first_batch" and not state.approved)
        return single and not state.has_first_answer

    # Calls in flight -----------------------------------------------------------------------------------------------

    def expect_tokens(self, slots: int) -> int:
        """Return the tokens that a call for this number of slots may take."""
        state = self.state
        return state.spending.expect_tokens(slots, state.tokens_per_item, state.usage)

    def reserve_budget(self, batch: Batch) -> None:
        """Set aside what a batch's call may cost."""
        self.state.spending.reserved[batch.name] = self.expect_tokens(len(batch.slots))

    def start_task(self, batches: list[Batch], call_slots: int, work: Coroutine[Any, Any, None]) -> None:
        """Run `work`, which makes the calls of these batches and uses this number of call slots."""
        self.calls_in_flight += call_slots
        self.tasks[batches[0].name] = asyncio.create_task(work)

    def end_task(self, batches: list[Batch], call_slots: int) -> None:
        """Free the call slots and the reserved budget of these batches, whatever came of their calls."""
        for batch in batches:
            self.state.spending.reserved.pop(batch.name, None)
        self.calls_in_flight -= call_slots
        del self.tasks[batches[0].name]

    def on_batch_done(self) -> None:
        """Publish the progress after a batch; a shard reports more rarely."""
        self.publish_progress()

    async def finish_in_time(self, work: Coroutine[Any, Any, T], limit: timedelta | None = None) -> T:
        """Await `work` to its end even if the run is cancelled meanwhile, so that what is there is assembled.

        Once the run is ending, `work` has only `limit` more (by default as long as an artifact of this size may take):
        whatever hangs then, the run ends. Raises EndingTooLong.
        """
        task = asyncio.create_task(work)
        deadline: float | None = None
        while not task.done():
            try:
                if not self.ending:
                    await workflow.wait_condition(lambda: task.done() or self.ending)
                    continue
                now = workflow.now().timestamp()
                deadline = deadline or now + (limit or self.choose_end_limit()).total_seconds()
                await workflow.wait_condition(
                    task.done,
                    timeout=max(0.001, deadline - now),
                    timeout_summary="the end of the run may take this long",
                )
            except asyncio.CancelledError:
                self.cancelled = True
            except TimeoutError:
                task.cancel()
                raise EndingTooLong from None
        return task.result()

    def choose_end_limit(self) -> timedelta:
        """Return how long the work on the artifact may take once the run is ending."""
        return DRAIN_TIME + timedelta(seconds=self.state.target // SLOTS_PER_SECOND)

    # What the run waits for ----------------------------------------------------------------------------------------

    def describe_wait(self) -> tuple[Waits, str]:
        """Return what must happen before another call starts, and a sentence on it; empty strings if one may start."""
        wait = self.describe_own_wait()
        if wait[0] or self.shards is None:
            return wait
        return self.shards.describe_wait()

    def describe_own_wait(self) -> tuple[Waits, str]:
        """Return what must happen before this workflow may start a call, whatever its shards wait for."""
        state, run_id = self.state, self.job.workflow_id
        if state.blocker is not None:
            return "repair", f"{state.blocker.message}; fix it, then: {starter_command('resume', run_id)}"
        if state.paused:
            return "person", "until resumed"
        if state.quota_resets_at is not None:
            resets_at = _format_time_of_day(state.quota_resets_at)
            return "quota", f"the endpoint's quota is spent until {resets_at}; the run then continues by itself"
        approval = self._describe_missing_approval()
        if approval:
            return "approval", f"{approval}; continue with: {starter_command('approve', run_id)}"
        budget = self.request.budget
        if (budget.tokens or budget.usd) and state.plan is not None and state.schedule.has_startable():
            shortage = state.spending.explain_shortage(budget, state.usage, self.expect_tokens(self._next_batch_size()))
            if shortage:
                return "budget", suggest_budget_commands(self.data, shortage)
        return "", ""

    def _describe_missing_approval(self) -> str:
        if self.state.approved or self.ending:
            return ""
        if self.request.approve == "plan":
            return "the plan waits for approval"
        if self.request.approve == "first_batch" and self.state.has_first_answer:
            return "the first batch waits for approval"
        return ""

    def _next_batch_size(self) -> int:
        schedule = self.state.schedule
        size = len(schedule.ready[0].slots) if schedule.ready else schedule.sizes[schedule.next_batch]
        return min(size, self.estimate_items_per_answer()) if self.state.planned.resize else size

    def pause_if_fixable(self, failure: ApplicationError, resume_count: int, *, on_store: bool = False) -> bool:
        """Pause the run if `failure` can be fixed from outside (a key, funds) or by time (a quota); if it is of work
        `on_store`, which must not be given up, also if our own code failed.

        `resume_count` is the state's count when the call began: if the run was resumed since, the failure is stale and
        does not pause it. Returns True if the batch must be requeued.
        """
        fixable = failure.type in FIXABLE_FAILURES or (on_store and failure.type == INTERNAL_ERROR)
        quota_spent = failure.type == QUOTA_SPENT and bool(failure.details)
        if resume_count == self.state.resume_count and fixable:
            self.state.blocker = Blocker(kind=failure.type or "", message=failure.message[:MAX_BLOCKER])
        elif resume_count == self.state.resume_count and quota_spent:
            self.state.quota_resets_at = max(self.state.quota_resets_at or 0.0, float(failure.details[0]))
        return fixable or quota_spent or failure.type in (AWAITS_RATE_LIMIT, UNHEARD)

    def record_unheard(self, failure: ApplicationError, batch: Batch | None = None) -> None:
        """Count what the calls may have cost that ended without an answer before a failure."""
        unheard = read_unheard_usage(failure.details)
        if unheard.unheard_calls:
            self.state.record_usage(Outcome(batch=batch.name if batch else "", filled=[], usage=unheard), batch)

    async def wait_until_fixed(self) -> None:
        """Return when no failure and no spent quota pauses the run, or the run is to end."""
        while not self.ending and (self.state.blocker is not None or self.state.quota_resets_at is not None):
            await self.wait_for(self.state.quota_resets_at)

    async def wait_for(self, quota_resets_at: float | None, until: Callable[[], bool] = lambda: False) -> None:
        """Wait for the time `quota_resets_at`, a change of what pauses the run, the run's end, or `until`."""

        def may_go_on() -> bool:
            state = self.state
            fixed = quota_resets_at is None and state.blocker is None
            return self.ending or state.quota_resets_at != quota_resets_at or fixed or until()

        if quota_resets_at is None:
            await workflow.wait_condition(may_go_on)
            return
        timeout = timedelta(seconds=max(0.0, quota_resets_at - workflow.now().timestamp()))
        try:
            await workflow.wait_condition(may_go_on, timeout=timeout, timeout_summary="the endpoint's quota resets")
        except TimeoutError:
            self.state.quota_resets_at = None

    # What people see -----------------------------------------------------------------------------------------------

    def build_progress(self) -> Progress:
        """Return the answer to the query `progress`."""
        waits, why = self.describe_wait()
        return progress_query.build_progress(
            self.state,
            self.shards.list_reports() if self.shards else [],
            workflow_id=workflow.info().workflow_id,
            recipe=self.request.recipe,
            stage=self.stage,
            in_flight=self.calls_in_flight + (self.shards.count_unreported_calls() if self.shards else 0),
            concurrency=self.request.batching.concurrency,
            waits=waits,
            why=why,
        )

    def publish_progress(self, *, force: bool = False, result: Result | None = None) -> None:
        """Update the run's page, its search attributes and MLflow. `result` is set when the run has ended."""
        progress = self.update_page(result)
        if self.state.plan is not None and self.state.plan.search_attributes:
            publish_search_attributes(self.state, progress, force=force, result=result)
        self.mlflow_log.log_if_due(progress)

    def update_page(self, result: Result | None = None) -> Progress:
        """Update only the run's page in the Web UI, which adds no event to the history."""
        progress = self.build_progress()
        page = Page(
            state=self.state,
            progress=progress,
            request=self.request,
            job=self.job,
            namespace=workflow.info().namespace,
            now=workflow.now(),
            shards=self.shards.list_rows() if self.shards else (),
            shards_waiting=len(self.shards.waiting) if self.shards else 0,
            result=result,
        )
        workflow.set_current_details(render_run_page(page))
        return progress


def _format_time_of_day(seconds: float) -> str:
    """Return a time of day in UTC, computed without the machine's time zone."""
    day, second = divmod(int(seconds), 86_400)
    today = int(workflow.now().timestamp()) // 86_400
    time = f"{second // 3600:02d}:{second % 3600 // 60:02d} UTC"
    return time if day == today else f"{time} in {day - today} day(s)" if day > today + 1 else f"{time} tomorrow"

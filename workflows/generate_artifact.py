"""The run: plan, pump batches, settle what came back, assemble, verify."""

import asyncio
from collections import deque
from datetime import timedelta

from pydantic import ValidationError
from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from quire.batching import capacity
    from quire.contracts import (
        ASSEMBLE,
        FATAL,
        GENERATE,
        PLAN,
        VERIFY,
        Assembled,
        AssembleInput,
        GenerateInput,
        Job,
        PlanInput,
        Planned,
        Verified,
        VerifyInput,
    )
    from quire.outcome import OpenSlot, Outcome
    from quire.progress import Progress, Result, line, verdict
    from quire.request import Request
    from quire.settle import settle
    from quire.slots import Batch, ranges
    from workflows.messages import details, publish
    from workflows.state import State

LOCAL = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(seconds=30))
CALLS = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    maximum_interval=timedelta(minutes=2),
    non_retryable_error_types=["PayloadsTooLarge"],
)
DRAIN = timedelta(seconds=60)
"""How long a cancelled run waits for the calls in flight, which are paid for."""


CARRIED_FAILURES = 2000
"""Reasons handed to the report: a payload has a limit of 2 MB. Beyond it a missing slot is told without its reason."""


@workflow.defn(name="GenerateArtifact", failure_exception_types=[ValidationError])
class GenerateArtifact:
    """Makes one artifact: splits it into batches, keeps every complete item, ends with a verdict."""

    @workflow.init
    def __init__(self, request: Request, state: State | None = None) -> None:
        # Where fewer arguments come than are declared, as from the Temporal CLI, the SDK hands them over undecoded.
        self.request = Request.model_validate(request)
        self.state = state or State()
        self.again: deque[Batch] = deque(self.state.again)
        self.running: dict[str, asyncio.Task[None]] = {}
        self.stage = "planning" if self.state.plan is None else "generating"
        self.cancelled = False

    @property
    def job(self) -> Job:
        return Job(workflow_id=workflow.info().workflow_id, store=self.request.output.store)

    @workflow.run
    async def run(self, request: Request, state: State | None = None) -> Result:
        if not self.state.started:
            self.state.started = workflow.now().timestamp()
        if self.state.plan is None:
            self.state.adopt(await self._plan())
            self.stage = "generating"
        self._show()
        await self._pump()
        if self._pending() and not self._ending():
            await workflow.wait_condition(workflow.all_handlers_finished)
            self.state.again = list(self.again)
            workflow.continue_as_new(args=[self.request, self.state])
        return await self._bind()

    @workflow.query(description="How far the run is: counts, usage and `line`, the sentence a person reads")
    def progress(self) -> Progress:
        state = self.state
        answer = Progress(
            workflow_id=workflow.info().workflow_id,
            recipe=self.request.recipe,
            stage="paused" if state.paused and self.stage == "generating" else self.stage,  # pyright: ignore[reportArgumentType]
            noun=state.noun,
            target=state.target,
            items=state.items,
            failed=len(state.failed),
            batches=state.batches,
            in_flight=len(self.running),
            rounds=state.rounds,
            usage=state.usage,
            simulated=state.simulated,
        )
        return answer.model_copy(update={"line": line(answer)})

    @workflow.signal(description="Start no further calls; those in flight finish")
    def pause(self) -> None:
        self.state.paused = True

    @workflow.signal(description="Go on after a pause")
    def resume(self) -> None:
        self.state.paused = False

    @workflow.signal(description="Start no further calls and bind what is there")
    def finish_now(self) -> None:
        self.state.stopped = self.state.stopped or "finished early, as asked"

    async def _plan(self) -> Planned:
        try:
            return await workflow.execute_activity(
                PLAN,
                PlanInput(job=self.job, request=self.request),
                result_type=Planned,
                start_to_close_timeout=timedelta(minutes=10),
                retry_policy=LOCAL,
                summary=f"lay out the {self.request.recipe}",
            )
        except ActivityError as error:
            raise _as_failure(error) from error

    # The pump ------------------------------------------------------------------------------------------------------

    def _pending(self) -> bool:
        return bool(self.again) or self.state.next_batch < len(self.state.sizes)

    def _ending(self) -> bool:
        return self.cancelled or self.state.stopped is not None

    def _held(self) -> bool:
        return self.state.paused or self._ending() or workflow.info().is_continue_as_new_suggested()

    def _may_start(self) -> bool:
        return self._pending() and not self._held() and len(self.running) < self.request.batching.concurrency

    def _drained(self) -> bool:
        if self.running:
            return False
        return not self._pending() or self._ending() or (self._held() and not self.state.paused)

    async def _pump(self) -> None:
        while not self._drained():
            while self._may_start():
                batch = self._next()
                self.running[batch.name] = asyncio.create_task(self._generate(batch))
            try:
                await workflow.wait_condition(lambda: self._may_start() or self._drained())
            except asyncio.CancelledError:
                self.cancelled = True
                await self._drain()

    async def _drain(self) -> None:
        try:
            await workflow.wait_condition(lambda: not self.running, timeout=DRAIN)
        except TimeoutError:
            for task in self.running.values():
                task.cancel()
            await workflow.wait_condition(lambda: not self.running)

    def _next(self) -> Batch:
        if self.again:  # open slots first: a run's tail is shorter when the retried ones are not last
            return self.again.popleft()
        return self.state.take()

    async def _generate(self, batch: Batch) -> None:
        model = self.request.model
        seconds = int(model.timeout_seconds * (1.5 if self.state.reasoning else 1))
        try:
            outcome = await workflow.execute_activity(
                GENERATE,
                GenerateInput(job=self.job, batch=batch),
                result_type=Outcome,
                activity_id=f"batch-{batch.name}",
                start_to_close_timeout=timedelta(seconds=seconds + 30),
                schedule_to_close_timeout=timedelta(hours=6),
                heartbeat_timeout=timedelta(seconds=15),
                retry_policy=CALLS,
                summary=f"batch {batch.name}/{len(self.state.sizes)}, {self.state.noun} {ranges(batch.slots)}"[:200],
            )
            self._settle(batch, outcome)
        except ActivityError as error:
            self._give_up(batch, error)
        except asyncio.CancelledError:
            self.again.append(batch)
        finally:
            del self.running[batch.name]
            self._show()

    def _settle(self, batch: Batch, outcome: Outcome) -> None:
        state = self.state
        state.learn(outcome)
        limit = capacity(self.request.model.max_output_tokens, state.tokens_per_item)
        settled = settle(batch, outcome, attempts=self.request.retry.attempts, limit=limit)
        self.again.extend(settled.again)
        state.failed.extend(settled.failed)
        if settled.again:
            state.rounds = max(state.rounds, batch.name.count(".") + 2)
        if "." not in batch.name:
            if outcome.filled:
                state.batches.completed += 1
            else:
                state.batches.failed += not settled.again
                state.batches.completed += bool(settled.again)
        if settled.failed and self.request.on_failure == "stop":
            state.stopped = (
                f"a slot gave up ({settled.failed[0].reason}: {settled.failed[0].detail}) and on_failure is stop"
            )

    def _give_up(self, batch: Batch, error: ActivityError) -> None:
        if self.cancelled:
            self.again.append(batch)
            return
        failure = _as_failure(error)
        detail = failure.message[:300]
        self.state.failed.extend(OpenSlot(slot=number, reason="failed", detail=detail) for number in batch.slots)
        if "." not in batch.name:
            self.state.batches.failed += 1
        if failure.type in FATAL or self.request.on_failure == "stop":
            self.state.stopped = detail
            self.state.fatal = self.state.fatal or failure.type

    # The end -------------------------------------------------------------------------------------------------------

    async def _bind(self) -> Result:
        state = self.state
        if state.fatal in FATAL and not state.items:
            raise ApplicationError(state.stopped or "the run was stopped", type=state.fatal, non_retryable=True)
        self.stage = "assembling"
        self._show(force=True)
        left = self._left_over()
        assembling = asyncio.create_task(self._assemble(left))
        while True:
            try:
                result = await asyncio.shield(assembling)
                break
            except asyncio.CancelledError:
                self.cancelled = True  # a cancel this late changes nothing: what is there is bound all the same
        self.stage = "done"
        self._show(force=True, ended=result)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    def _left_over(self) -> list[OpenSlot]:
        why = "cancelled" if self.cancelled else self.state.stopped or "stopped"
        open_slots = [n for batch in self.again for n in batch.slots] + self.state.untouched()
        return [OpenSlot(slot=n, reason="stopped", detail=why[:300]) for n in open_slots]

    async def _assemble(self, left: list[OpenSlot]) -> Result:
        state = self.state
        failed = sorted([*state.failed, *left], key=lambda slot: slot.slot)
        seconds = round(workflow.now().timestamp() - state.started, 3)
        ended = verdict(target=state.target, filled=state.items, cancelled=self.cancelled)
        warnings = [*state.warnings, *([f"stopped: {state.stopped}"] if state.stopped else [])]
        assembled = await workflow.execute_activity(
            ASSEMBLE,
            AssembleInput(
                job=self.job,
                planned_batches=len(state.sizes),
                batches=state.batches,
                rounds=state.rounds,
                usage=state.usage,
                failed=failed[:CARRIED_FAILURES],
                verdict=ended,
                warnings=warnings,
                simulated=state.simulated,
                seconds=seconds,
            ),
            result_type=Assembled,
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(seconds=60),
            retry_policy=LOCAL,
            summary=f"bind {state.items} {state.noun}",
        )
        result = Result(
            workflow_id=workflow.info().workflow_id,
            recipe=self.request.recipe,
            verdict=ended,
            target=state.target,
            items=assembled.items,
            artifact=assembled.artifact,
            noun=state.noun,
            batches=state.batches,
            rounds=state.rounds,
            usage=state.usage,
            warnings=assembled.warnings,
            failed_slots=assembled.failed_slots,
            failed_total=len(failed),
            simulated=state.simulated,
            seconds=seconds,
        )
        verified = await workflow.execute_activity(
            VERIFY,
            VerifyInput(job=self.job, result=result),
            result_type=Verified,
            start_to_close_timeout=timedelta(minutes=30),
            heartbeat_timeout=timedelta(seconds=60),
            retry_policy=LOCAL,
            summary="check counts, schema, ids and coverage",
        )
        return result.model_copy(update={"warnings": [*result.warnings, *verified.problems]})

    def _show(self, *, force: bool = False, ended: Result | None = None) -> None:
        progress = self.progress()
        workflow.set_current_details(details(progress, self.state.warnings, ended))
        if self.state.search_attributes:
            publish(self.state, progress, force=force, ended=ended)


def _as_failure(error: ActivityError) -> ApplicationError:
    """The activity's own failure, or its time limit in words."""
    cause = error.cause
    while cause is not None and not isinstance(cause, ApplicationError) and cause.__cause__ is not None:
        cause = cause.__cause__  # a time limit carries the last attempt's failure
    if isinstance(cause, ApplicationError):
        return ApplicationError(cause.message, type=cause.type, non_retryable=True)
    return ApplicationError(str(cause or error), type="ActivityFailed", non_retryable=True)

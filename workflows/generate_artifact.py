"""The run: plan, pump batches, settle what came back, look for twins, assemble, verify."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from quire.batching import capacity
    from quire.contracts import (
        FATAL,
        AssembleInput,
        DeduplicateInput,
        FallBackInput,
        GenerateInput,
        Job,
        PlanInput,
        PrepareInput,
        ReviewInput,
        VerifyInput,
    )
    from quire.outcome import OpenSlot, Outcome, Usage
    from quire.progress import BatchStatus, Progress, Result, verdict
    from quire.request import Request
    from quire.settle import settle
    from quire.slots import Batch
    from workflows import calls
    from workflows.messages import details, publish
    from workflows.state import State

DRAIN = timedelta(seconds=60)
"""How long a cancelled run waits for the calls in flight, which are paid for."""
CARRIED_FAILURES = 2000
"""Reasons handed to the report: a payload has a limit of 2 MB. Beyond it a missing slot is told without its reason."""

T = TypeVar("T")


@workflow.defn(name="GenerateArtifact", failure_exception_types=[ValidationError])
class GenerateArtifact:
    """Makes one artifact: splits it into batches, keeps every complete item, ends with a verdict."""

    @workflow.init
    def __init__(self, request: Request, state: State | None = None) -> None:
        # Where fewer arguments come than are declared, as from the Temporal CLI, the SDK hands them over undecoded.
        self.request = Request.model_validate(request)
        self.state = state or State()
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
            self.state.adopt(await calls.plan(PlanInput(job=self.job, request=self.request)))
            self.request = self.state.planned.request or self.request
            self.stage = "generating"
        self._show()
        await self._prepare()
        await self._pump()
        while await self._twins_reopened():
            await self._pump()
        return await self._bind()

    @workflow.query(description="How far the run is: counts, usage and `line`, the sentence a person reads")
    def progress(self) -> Progress:
        workflow_id = workflow.info().workflow_id
        return self.state.progress(workflow_id, self.request.recipe, self.stage, len(self.running))

    @workflow.query(description="Where each planned batch is; `first` counts from 1, at most 1000 are given")
    def batches(self, first: int = 1, count: int = 1000) -> list[BatchStatus]:
        return self.state.statuses(max(1, first), min(count, 1000))

    @workflow.signal(description="Start no further calls; those in flight finish")
    def pause(self) -> None:
        self.state.paused = True

    @workflow.signal(description="Go on after a pause")
    def resume(self) -> None:
        self.state.paused = False

    @workflow.signal(description="Start no further calls and bind what is there")
    def finish_now(self) -> None:
        self.state.stopped = self.state.stopped or "finished early, as asked"

    # The pump ------------------------------------------------------------------------------------------------------

    def _ending(self) -> bool:
        return self.cancelled or self.state.stopped is not None

    def _held(self) -> bool:
        return self.state.paused or self._ending() or workflow.info().is_continue_as_new_suggested()

    def _may_start(self) -> bool:
        free = len(self.running) < self.request.batching.concurrency
        return free and self.state.schedule.startable() and not self._held()

    def _drained(self) -> bool:
        if self.running:
            return False
        return not self.state.schedule.pending() or self._ending() or (self._held() and not self.state.paused)

    async def _pump(self) -> None:
        """Keep batches in flight until none is open; a history that grows long is begun anew with what is open."""
        while not self._drained():
            while self._may_start():
                batch = self.state.schedule.take(self._room() if self.state.planned.resize else None)
                self.running[batch.name] = asyncio.create_task(self._fill(batch))
            try:
                await workflow.wait_condition(lambda: self._may_start() or self._drained())
            except asyncio.CancelledError:
                self.cancelled = True
                await self._drain()
        if self.state.schedule.pending() and not self._ending():
            await workflow.wait_condition(workflow.all_handlers_finished)
            workflow.continue_as_new(args=[self.request, self.state])

    async def _drain(self) -> None:
        try:
            await workflow.wait_condition(lambda: not self.running, timeout=DRAIN)
        except TimeoutError:
            for task in self.running.values():
                task.cancel()
            await workflow.wait_condition(lambda: not self.running)

    def _room(self) -> int:
        return capacity(self.request.generator.max_output_tokens, self.state.tokens_per_item)

    async def _fill(self, batch: Batch) -> None:
        """One batch, from its call to what its open slots come to."""
        try:
            outcome = await self._made(batch)
            await self._settle(batch, outcome)
        except ActivityError as error:
            await self._give_up(batch, error)
        except asyncio.CancelledError:
            self.state.schedule.put_back(batch)
        finally:
            del self.running[batch.name]
            self._show()

    async def _made(self, batch: Batch) -> Outcome:
        plan, request = self.state.planned, self.request
        before = self.state.schedule.before(batch, plan.reach)
        limit = calls.time_limit(request.generator, reasoning=plan.reasoning)
        given = GenerateInput(job=self.job, batch=batch, before=before)
        outcome = await calls.generate(given, limit, plan.noun, len(plan.sizes))
        if not plan.reviewed or not outcome.filled:
            return outcome
        self.state.spend(outcome)
        try:
            given = ReviewInput(job=self.job, batch=batch, filled=outcome.filled)
            judged = await calls.review(given, calls.time_limit(request.model, reasoning=True))
        except ActivityError as error:
            self._warn(f"batch {batch.name} was not judged: {calls.as_failure(error).message[:200]}")
            return outcome.model_copy(update={"usage": Usage(), "model": ""})
        return judged.model_copy(
            update={"open": [*outcome.open, *judged.open], "tokens_per_item": outcome.tokens_per_item}
        )

    async def _settle(self, batch: Batch, outcome: Outcome) -> None:
        state = self.state
        state.learn(batch, outcome)
        settled = settle(batch, outcome, attempts=self.request.retry.attempts, limit=self._room())
        if settled.again:
            state.rounds = max(state.rounds, batch.name.count(".") + 2)
            state.schedule.split(batch, settled.again)
        await self._without(batch, settled.failed)
        if not settled.again:
            state.finish(batch.name)
        if settled.failed and self.request.on_failure == "stop":
            state.stopped = (
                f"a slot gave up ({settled.failed[0].reason}: {settled.failed[0].detail}) and on_failure is stop"
            )

    async def _without(self, batch: Batch, given_up: list[OpenSlot]) -> None:
        """Slots that the model did not fill: the recipe's templates in their place, or none."""
        if not given_up or self.request.on_failure != "fallback":
            self.state.give_up(given_up)
            return
        before = self.state.schedule.before(batch, self.state.planned.reach)
        numbers = [slot.slot for slot in given_up]
        filled = await calls.fall_back(
            FallBackInput(job=self.job, name=f"{batch.name}.f", slots=numbers, before=before)
        )
        self.state.learn(batch, filled)
        self.state.fallbacks += len(filled.filled)
        self.state.give_up(slot for slot in given_up if slot.slot not in set(filled.filled))

    async def _give_up(self, batch: Batch, error: ActivityError) -> None:
        if self.cancelled:
            self.state.schedule.put_back(batch)
            return
        failure = calls.as_failure(error)
        detail = failure.message[:300]
        fatal = failure.type in FATAL
        given_up = [OpenSlot(slot=number, reason="failed", detail=detail) for number in batch.slots]
        if fatal:
            self.state.give_up(given_up)
        else:
            await self._without(batch, given_up)
        self.state.finish(batch.name)
        if fatal or self.request.on_failure == "stop":
            self.state.stopped = detail
            self.state.fatal = self.state.fatal or failure.type

    # Before and after the batches ----------------------------------------------------------------------------------

    async def _prepare(self) -> None:
        """The planning model's calls; a run does without what it could not get."""
        if self.state.prepared or not self.state.planned.preparations:
            return
        limit = calls.time_limit(self.request.model, reasoning=True)
        width = asyncio.Semaphore(self.request.batching.concurrency)

        async def one(key: str) -> None:
            async with width:
                try:
                    self.state.spend(await calls.prepare(PrepareInput(job=self.job, key=key), limit))
                except ActivityError as error:
                    failure = calls.as_failure(error)
                    if failure.type in FATAL:
                        raise failure from error
                    self._warn(f"{key} was not planned: {failure.message[:200]}")

        await asyncio.gather(*(one(key) for key in self.state.planned.preparations))
        self.state.prepared = True

    async def _twins_reopened(self) -> bool:
        """Look for twins once all slots are settled; whether slots are open again."""
        duplicates, state = self.request.duplicates, self.state
        if duplicates.method == "off" or self._ending() or not state.items or state.checks > duplicates.rounds:
            return False
        final = state.checks == duplicates.rounds
        given = DeduplicateInput(job=self.job, round=state.checks + 1, final=final)
        found = await self._unbroken(calls.deduplicate(given))
        state.reject(found.rejected, reopen=not final)
        self._show()
        return bool(found.rejected) and not final

    async def _unbroken(self, work: Coroutine[Any, Any, T]) -> T:
        """Finish this even if the run is cancelled meanwhile: what is there is bound all the same."""
        task = asyncio.create_task(work)
        while True:
            try:
                return await asyncio.shield(task)
            except asyncio.CancelledError:
                self.cancelled = True

    def _warn(self, warning: str) -> None:
        if len(self.state.warnings) < 50:
            self.state.warnings.append(warning)

    # The end -------------------------------------------------------------------------------------------------------

    async def _bind(self) -> Result:
        state = self.state
        if state.fatal in FATAL and not state.items:
            raise ApplicationError(state.stopped or "the run was stopped", type=state.fatal, non_retryable=True)
        self.stage = "assembling"
        self._show(force=True)
        result = await self._unbroken(self._assemble(self._left_over()))
        self.stage = "done"
        self._show(force=True, ended=result)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return result

    def _left_over(self) -> list[OpenSlot]:
        why = "cancelled" if self.cancelled else self.state.stopped or "stopped"
        return [OpenSlot(slot=n, reason="stopped", detail=why[:300]) for n in self.state.schedule.untouched()]

    async def _assemble(self, left: list[OpenSlot]) -> Result:
        state = self.state
        failed = sorted([*state.failed, *left], key=lambda slot: slot.slot)
        seconds = round(workflow.now().timestamp() - state.started, 3)
        ended = verdict(target=state.target, filled=state.items, cancelled=self.cancelled)
        warnings = [*state.warnings, *([f"stopped: {state.stopped}"] if state.stopped else [])]
        if state.fallbacks:
            warnings.append(f"{state.fallbacks} {state.planned.noun} come from templates, not from the model")
        given = AssembleInput(
            job=self.job,
            planned_batches=len(state.schedule.sizes),
            batches=state.batches,
            rounds=state.rounds,
            usage=state.usage,
            failed=failed[:CARRIED_FAILURES],
            verdict=ended,
            warnings=warnings,
            simulated=state.simulated,
            seconds=seconds,
        )
        assembled = await calls.assemble(given, f"bind {state.items} {state.planned.noun}")
        result = Result(
            workflow_id=workflow.info().workflow_id,
            recipe=self.request.recipe,
            verdict=ended,
            target=state.target,
            items=assembled.items,
            artifact=assembled.artifact,
            noun=state.planned.noun,
            batches=state.batches,
            rounds=state.rounds,
            usage=state.usage,
            models=state.models,
            group_word=state.planned.group_word,
            groups=state.groups,
            duplicates_rejected=state.duplicates_rejected,
            fallbacks=state.fallbacks,
            warnings=assembled.warnings,
            failed_slots=assembled.failed_slots,
            failed_total=len(failed),
            simulated=state.simulated,
            seconds=seconds,
        )
        verified = await calls.verify(VerifyInput(job=self.job, result=result, batch_states=state.states()))
        return result.model_copy(update={"warnings": [*result.warnings, *verified.problems]})

    def _show(self, *, force: bool = False, ended: Result | None = None) -> None:
        progress = self.progress()
        workflow.set_current_details(details(progress, self.state.warnings, ended))
        if self.state.plan is not None and self.state.plan.search_attributes:
            publish(self.state, progress, force=force, ended=ended)

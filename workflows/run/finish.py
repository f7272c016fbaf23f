"""The end of a run: bind what is there, check it, say how it ended."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from quire.contracts import FATAL, AssembleInput, VerifyInput
from quire.outcome import OpenSlot
from quire.progress import Result, verdict
from workflows.display.progress_query import batch_states
from workflows.run import activity_calls
from workflows.run.run import Run

T = TypeVar("T")
MOST_STATES = 50_000
"""Batches whose state goes into the report: a payload has a limit of 2 MB."""
CARRIED_FAILURES = 2000
"""Reasons handed to the report: a payload has a limit of 2 MB. Beyond it a missing slot is told without its reason."""


async def bind(run: Run) -> Result:
    """The artifact, the report, the result."""
    state = run.state
    if state.fatal in FATAL and not state.items:
        await run.unbroken(run.logbook.close("failed"))
        raise ApplicationError(state.stopped or "the run was stopped", type=state.fatal, non_retryable=True)
    for task in run.racing:
        task.cancel()
    run.stage = "assembling"
    run.show(force=True)
    result = await run.unbroken(_assemble(run, _left_over(run)))
    run.stage = "done"
    run.show(force=True, ended=result)
    await workflow.wait_condition(workflow.all_handlers_finished)
    return result


def _left_over(run: Run) -> list[OpenSlot]:
    why = "cancelled" if run.cancelled else run.state.stopped or "stopped"
    return [OpenSlot(slot=n, reason="stopped", detail=why[:300]) for n in run.state.schedule.untouched()]


async def _assemble(run: Run, left: list[OpenSlot]) -> Result:
    state = run.state
    failed = sorted([*state.failed, *left], key=lambda slot: slot.slot)
    started = datetime.fromtimestamp(state.started, UTC).isoformat(timespec="seconds")
    seconds = round(workflow.now().timestamp() - state.started, 3)
    ended = verdict(target=state.target, filled=state.items, cancelled=run.cancelled)
    warnings = [*state.warnings, *([f"stopped: {state.stopped}"] if state.stopped else [])]
    if state.fallbacks:
        warnings.append(f"{state.fallbacks} {state.planned.noun} come from templates, not from the model")
    given = AssembleInput(
        job=run.job,
        planned_batches=len(state.schedule.sizes),
        batches=state.batches,
        rounds=state.rounds,
        usage=state.usage,
        failed=failed[:CARRIED_FAILURES],
        verdict=ended,
        warnings=warnings,
        simulated=state.simulated,
        seconds=seconds,
        started=started,
    )
    assembled = await _patiently(
        run, lambda: activity_calls.assemble(given, f"bind {state.items} {state.planned.noun}")
    )
    result = Result(
        workflow_id=workflow.info().workflow_id,
        recipe=run.request.recipe,
        verdict=ended,
        target=state.target,
        items=assembled.items,
        artifact=assembled.artifact,
        artifacts=assembled.artifacts,
        started=started,
        noun=state.planned.noun,
        batches=state.batches,
        rounds=state.rounds,
        usage=state.usage,
        models=state.models,
        group_word=state.planned.group_word,
        groups=state.groups,
        duplicates_rejected=state.duplicates_rejected,
        duplicates_by_round=state.rejections,
        duplicates_method=run.request.duplicates.method,
        fallbacks=state.fallbacks,
        reused=state.reused,
        warnings=assembled.warnings,
        failed_slots=assembled.failed_slots,
        failed_total=len(failed),
        simulated=state.simulated,
        seconds=seconds,
    )
    states = batch_states(state) if len(state.schedule.sizes) <= MOST_STATES else []
    checked = VerifyInput(job=run.job, result=result, batch_states=states, batch_usage=state.batch_usage)
    verified = await _patiently(run, lambda: activity_calls.verify(checked))
    result = result.model_copy(update={"warnings": [*result.warnings, *verified.problems]})
    return await run.logbook.close(ended, result) or result


async def _patiently(run: Run, work: Callable[[], Awaitable[T]]) -> T:
    """What is made is not lost because the store is full or away at the end: wait until that is mended."""
    while True:
        resumed = run.state.resumed
        try:
            return await work()
        except ActivityError as error:
            failure = activity_calls.as_failure(error)
            if run.ending or not run.hold(failure, resumed):
                raise failure from error
        run.show(force=True)
        await run.mended()

"""The end of a run: assemble the artifact, verify it, build the result."""

from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from quire.commands import starter_command
from quire.contracts import FATAL_FAILURES, AssembleInput, AssembleResult, VerifyInput
from quire.outcome import OpenSlot
from quire.progress import Result, Verdict, decide_verdict
from workflows.display.progress_query import list_batch_states
from workflows.run import activity_calls
from workflows.run.run import DRAIN_TIME, MAX_BLOCKER, EndingTooLong, Run

T = TypeVar("T")
MAX_BATCH_STATES = 50_000
"""Batches whose state goes into the report: a payload has a limit of 2 MB."""
MAX_FAILURES = 2000
"""Failed slots handed to the report with their reasons: a payload has a limit of 2 MB. Beyond it a missing slot is
reported without its reason."""


async def finish_run(run: Run) -> Result:
    """Assemble what was generated, verify it, and return the result. Raises ApplicationError if nothing was generated
    because of a fatal failure."""
    state = run.state
    if state.fatal_failure in FATAL_FAILURES and not state.items:
        with suppress(EndingTooLong):
            await run.finish_in_time(run.mlflow_log.close("failed"))
        raise ApplicationError(state.stop_reason or "the run was stopped", type=state.fatal_failure, non_retryable=True)
    for task in run.lost_racers:
        task.cancel()
    run.stage = "assembling"
    run.publish_progress(force=True)
    result = await _assemble_in_time(run)
    run.stage = "done"
    run.publish_progress(force=True, result=result)
    if not workflow.all_handlers_finished():
        with suppress(TimeoutError):  # a handler may wait for an activity that hangs
            await workflow.wait_condition(workflow.all_handlers_finished, timeout=DRAIN_TIME)
    return result


async def _assemble_in_time(run: Run) -> Result:
    """Return the result, after the artifact, its check and its log. An ending run whose artifact cannot be written,
    checked or logged in time, or at all, ends nevertheless, and its result says why."""
    never_sent = _list_slots_never_sent(run)
    input = _build_assemble_input(run, sorted([*run.state.failed, *never_sent], key=lambda slot: slot.slot))
    assembled, why = await _try_in_time(run, _assemble(run, input))
    if assembled is None:
        return _build_result_without_artifact(run, input, never_sent, why)
    result = _build_result(run, input, assembled, failed_total=len(run.state.failed) + len(never_sent))
    problems, why = await _try_in_time(run, _verify(run, result))
    problems = [f"the artifact was not checked: {why}"] if problems is None else problems
    result = result.model_copy(update={"warnings": [*result.warnings, *problems]})
    logged, why = await _try_in_time(run, run.mlflow_log.close(result.verdict, result))
    warnings = [*result.warnings, f"MLflow did not get everything: {why}"] if why else result.warnings
    return logged or result.model_copy(update={"warnings": warnings})


async def _try_in_time(run: Run, work: Coroutine[Any, Any, T]) -> tuple[T | None, str]:
    """Return what `work` returns; or None and the reason if the run is ending, and `work` fails or takes too long.
    Raises ApplicationError if it fails in a run that is not ending."""
    try:
        return await run.finish_in_time(work), ""
    except EndingTooLong:
        seconds, blocker = run.choose_end_limit().total_seconds(), run.state.blocker
        return None, blocker.message if blocker else f"the work on it took more than {seconds:.0f} seconds"
    except ApplicationError as failure:
        if not run.ending:
            raise
        return None, failure.message


def _build_result_without_artifact(run: Run, input: AssembleInput, never_sent: list[OpenSlot], why: str) -> Result:
    state = run.state
    command = starter_command("resume", workflow.info().workflow_id)
    warning = (
        f"the artifact could not be written: {why[:MAX_BLOCKER]}; all {state.planned.noun} are in the store; "
        f"once this is fixed, write it with: {command}"
    )
    assembled = AssembleResult(artifact=None, items=state.items, failed_slots=[], warnings=[*input.warnings, warning])
    verdict: Verdict = "cancelled" if run.cancelled else "partial" if state.items else "failed"
    return _build_result(
        run,
        input.model_copy(update={"verdict": verdict}),
        assembled,
        failed_total=len(state.failed) + len(never_sent),
    )


def _list_slots_never_sent(run: Run) -> list[OpenSlot]:
    reason = "cancelled" if run.cancelled else run.state.stop_reason or "stopped"
    numbers = run.state.schedule.list_unsent_slots()
    return [OpenSlot(slot=number, reason="stopped", detail=reason[:300]) for number in numbers]


async def _assemble(run: Run, input: AssembleInput) -> AssembleResult:
    title = f"assemble {run.state.items} {run.state.planned.noun}"
    return await _retry_until_fixed(run, lambda: activity_calls.call_assemble(input, title))


async def _verify(run: Run, result: Result) -> list[str]:
    state = run.state
    batch_states = list_batch_states(state) if len(state.schedule.sizes) <= MAX_BATCH_STATES else []
    input = VerifyInput(job=run.job, result=result, batch_states=batch_states, batch_usage=state.batch_usage)
    return (await _retry_until_fixed(run, lambda: activity_calls.call_verify(input))).problems


def _build_assemble_input(run: Run, failed: list[OpenSlot]) -> AssembleInput:
    state = run.state
    warnings = [*state.warnings, *([f"stopped: {state.stop_reason}"] if state.stop_reason else [])]
    if state.fallbacks:
        warnings.append(f"{state.fallbacks} {state.planned.noun} come from templates, not from the model")
    return AssembleInput(
        job=run.job,
        planned_batches=len(state.schedule.sizes),
        batches=state.batches,
        rounds=state.rounds,
        usage=state.usage,
        failed=failed[:MAX_FAILURES],
        verdict=decide_verdict(target=state.target, filled=state.items, cancelled=run.cancelled),
        warnings=warnings,
        simulated=state.simulated,
        seconds=round(workflow.now().timestamp() - state.started, 3),
        started=datetime.fromtimestamp(state.started, UTC).isoformat(timespec="seconds"),
    )


def _build_result(run: Run, input: AssembleInput, assembled: AssembleResult, failed_total: int) -> Result:
    state = run.state
    return Result(
        workflow_id=workflow.info().workflow_id,
        recipe=run.request.recipe,
        verdict=input.verdict,
        target=state.target,
        items=assembled.items,
        artifact=assembled.artifact,
        artifacts=assembled.artifacts,
        started=input.started,
        noun=state.planned.noun,
        batches=state.batches,
        rounds=state.rounds,
        usage=state.usage,
        models=state.models,
        group_word=state.planned.group_word,
        groups=state.groups,
        duplicates_rejected=state.duplicates_rejected,
        duplicates_by_round=state.duplicates_by_round,
        duplicates_method=run.request.duplicates.method,
        fallbacks=state.fallbacks,
        reused=state.reused,
        warnings=assembled.warnings,
        failed_slots=assembled.failed_slots,
        failed_total=failed_total,
        simulated=state.simulated,
        seconds=input.seconds,
    )


async def _retry_until_fixed(run: Run, work: Callable[[], Awaitable[T]]) -> T:
    """Repeat `work` until it succeeds: nothing is lost because the store is full or unreachable at the end."""
    while True:
        resume_count = run.state.resume_count
        try:
            return await work()
        except ActivityError as error:
            failure = activity_calls.to_failure(error)
            if run.ending or not run.pause_if_fixable(failure, resume_count, on_store=True):
                raise failure from error
        run.publish_progress(force=True)
        await run.wait_until_fixed()

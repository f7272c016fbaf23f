"""The phases before and after the batches: approval, the planning model's calls, the duplicate check."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ActivityError

from quire.contracts import FATAL_FAILURES, DeduplicateInput, DeduplicateResult, PrepareInput
from quire.outcome import Outcome
from workflows.run import activity_calls
from workflows.run.run import EndingTooLong, Run


async def wait_for_plan_approval(run: Run) -> None:
    """Wait until a person has approved the plan, if the request asks for that: nothing has been paid for yet."""
    if run.request.approve != "plan":
        return
    try:
        await workflow.wait_condition(lambda: run.state.approved or run.ending)
    except asyncio.CancelledError:
        run.cancelled = True


async def make_preparations(run: Run) -> None:
    """Make the planning model's calls. The run does without a preparation that fails, unless the failure is fatal."""
    state = run.state
    if state.prepared or run.ending or not state.planned.preparations:
        return
    limit = activity_calls.choose_time_limit(run.request.model, reasoning=True)
    semaphore = asyncio.Semaphore(run.request.batching.concurrency)

    async def make_preparation(key: str) -> None:
        async with semaphore:
            while not run.ending:
                resume_count = state.resume_count
                try:
                    state.record_usage(await activity_calls.call_prepare(PrepareInput(job=run.job, key=key), limit))
                    return
                except ActivityError as error:
                    failure = activity_calls.to_failure(error)
                    run.record_unheard(failure)
                    if failure.type in FATAL_FAILURES:
                        raise failure from error
                    if not run.pause_if_fixable(failure, resume_count):
                        state.add_warning(f"{key} was not planned: {failure.message[:200]}")
                        return
                await run.wait_until_fixed()

    try:
        await run.finish_in_time(_gather(make_preparation(key) for key in state.planned.preparations))
    except EndingTooLong:
        state.add_warning("not everything was planned: the run was to end")
    state.prepared = True


async def _gather(calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    await asyncio.gather(*calls)


async def reopen_duplicates(run: Run) -> bool:
    """Check for duplicates once no batch is open. Returns True if slots are open again."""
    duplicates, state = run.request.duplicates, run.state
    rounds_done = state.duplicate_checks - state.earlier_checks
    if duplicates.method == "off" or run.ending or not state.items or rounds_done > duplicates.rounds:
        return False
    final = rounds_done == duplicates.rounds
    result = await _find_duplicates(run, DeduplicateInput(job=run.job, round=state.duplicate_checks + 1, final=final))
    if result is None:
        return False
    state.record_usage(Outcome(batch="", filled=[], usage=result.usage, model=result.model, simulated=result.simulated))
    if not rounds_done and result.items_compared and len(result.rejected) > result.items_compared / 3:
        state.add_warning(
            f"{len(result.rejected)} of {result.items_compared} {state.planned.noun} were duplicates at first: smaller "
            "batches, a higher temperature or more varied briefs make fewer"
        )
    if result.kept_duplicates:
        state.add_warning(
            f"{len(result.kept_duplicates)} {state.planned.noun} were kept although they are like others (keep_last)"
        )
    state.reject_duplicates(result.rejected, reopen=not final)
    run.publish_progress()
    return bool(result.rejected) and not final


async def _find_duplicates(run: Run, input: DeduplicateInput) -> DeduplicateResult | None:
    """Return the duplicates; None if the check failed, which is no reason to lose what was generated."""
    while True:
        resume_count = run.state.resume_count
        try:
            return await run.finish_in_time(activity_calls.call_deduplicate(input))
        except EndingTooLong:
            run.state.add_warning("duplicates were not looked for: the run was to end, and the search took too long")
            return None
        except ActivityError as error:
            failure = activity_calls.to_failure(error)
            if run.ending or not run.pause_if_fixable(failure, resume_count, on_store=True):
                run.state.add_warning(f"duplicates were not looked for: {failure.message[:200]}")
                return None
        await run.wait_until_fixed()
        if run.ending:
            return None

"""Before and after the batches: the planning model's calls, and the search for twins."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from quire.contracts import FATAL, Deduplicated, DeduplicateInput, PrepareInput
from quire.outcome import Outcome
from workflows.run import activity_calls
from workflows.run.run import Run


async def approved(run: Run) -> None:
    """Where the plan is to be looked at first: wait for that, before anything is paid for."""
    if run.request.approve != "plan":
        return
    try:
        await workflow.wait_condition(lambda: run.state.approved or run.ending)
    except asyncio.CancelledError:
        run.cancelled = True


async def prepare(run: Run) -> None:
    """The planning model's calls; a run does without what it could not get."""
    state = run.state
    if state.prepared or run.ending or not state.planned.preparations:
        return
    limit = activity_calls.time_limit(run.request.model, reasoning=True)
    width = asyncio.Semaphore(run.request.batching.concurrency)

    async def one(key: str) -> None:
        async with width:
            while not run.ending:
                resumed = state.resumed
                try:
                    state.spend(await activity_calls.prepare(PrepareInput(job=run.job, key=key), limit))
                    return
                except ActivityError as error:
                    failure = activity_calls.as_failure(error)
                    if failure.type in FATAL:
                        raise failure from error
                    if not run.hold(failure, resumed):
                        run.warn(f"{key} was not planned: {failure.message[:200]}")
                        return
                await run.mended()

    await asyncio.gather(*(one(key) for key in state.planned.preparations))
    state.prepared = True


async def twins_reopened(run: Run) -> bool:
    """Look for twins once all slots are settled; whether slots are open again."""
    duplicates, state = run.request.duplicates, run.state
    checked = state.checks - state.first_check
    if duplicates.method == "off" or run.ending or not state.items or checked > duplicates.rounds:
        return False
    final = checked == duplicates.rounds
    found = await _searched(run, DeduplicateInput(job=run.job, round=state.checks + 1, final=final))
    if found is None:
        return False
    state.spend(Outcome(batch="", filled=[], usage=found.usage, model=found.model, simulated=found.simulated))
    if not checked and found.looked_at and len(found.rejected) > found.looked_at / 3:
        run.warn(
            f"{len(found.rejected)} of {found.looked_at} {state.planned.noun} were duplicates at first: smaller "
            "batches, a higher temperature or more varied briefs make fewer"
        )
    if found.kept:
        run.warn(f"{len(found.kept)} {state.planned.noun} were kept although they are like others (keep_last)")
    state.reject(found.rejected, reopen=not final)
    run.show()
    return bool(found.rejected) and not final


async def _searched(run: Run, given: DeduplicateInput) -> Deduplicated | None:
    """The twins; None where they could not be looked for, which is no reason to lose what is there."""
    while True:
        resumed = run.state.resumed
        try:
            return await run.unbroken(activity_calls.deduplicate(given))
        except ActivityError as error:
            failure = activity_calls.as_failure(error)
            if not run.hold(failure, resumed):
                run.warn(f"duplicates were not looked for: {failure.message[:200]}")
                return None
        await run.mended()
        if run.ending:
            return None

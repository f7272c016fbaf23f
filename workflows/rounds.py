"""Before and after the batches: the planning model's calls, and the search for twins."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError

from quire.contracts import FATAL, DeduplicateInput, PrepareInput
from workflows import calls
from workflows.run import Run


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
    limit = calls.time_limit(run.request.model, reasoning=True)
    width = asyncio.Semaphore(run.request.batching.concurrency)

    async def one(key: str) -> None:
        async with width:
            while not run.ending:
                resumed = state.resumed
                try:
                    state.spend(await calls.prepare(PrepareInput(job=run.job, key=key), limit))
                    return
                except ActivityError as error:
                    failure = calls.as_failure(error)
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
    given = DeduplicateInput(job=run.job, round=state.checks + 1, final=final)
    found = await run.unbroken(calls.deduplicate(given))
    state.reject(found.rejected, reopen=not final)
    run.show()
    return bool(found.rejected) and not final

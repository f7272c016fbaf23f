"""Keep batches in flight until none is open."""

import asyncio
from datetime import timedelta

from temporalio import workflow

from workflows.filling import fill
from workflows.run import Run

DRAIN = timedelta(seconds=60)
"""How long a cancelled run waits for the calls in flight, which are paid for."""


async def pump(run: Run) -> None:
    """Start batches as places come free; a history that grows long is begun anew with what is open."""
    while not _drained(run):
        while _may_start(run):
            state = run.state
            batch = state.schedule.take(run.room() if state.planned.resize else None)
            run.reserve(batch)
            run.running[batch.name] = asyncio.create_task(fill(run, batch))
        run.show()
        try:
            await _something(run)
        except asyncio.CancelledError:
            run.cancelled = True
            await _drain(run)
        if run.broken is not None:
            raise run.broken
    if run.state.schedule.pending() and not run.ending:
        await workflow.wait_condition(workflow.all_handlers_finished)
        workflow.continue_as_new(args=[run.request, run.state])


async def _something(run: Run) -> None:
    """Wait until a batch may start, or none is left, or a quota is whole again."""
    until = run.state.until
    if until is not None:
        await run.awaken(until, also=lambda: _drained(run))
        return
    await workflow.wait_condition(
        lambda: _may_start(run) or _drained(run) or run.state.until is not None or run.broken is not None
    )


def _held(run: Run) -> bool:
    return run.state.paused or run.ending or workflow.info().is_continue_as_new_suggested()


def _may_start(run: Run) -> bool:
    places = 1 if run.alone() else run.request.batching.concurrency
    free = len(run.running) < places
    return free and run.state.schedule.startable() and not _held(run) and not run.waits()[0]


def _drained(run: Run) -> bool:
    if run.running or run.extending:
        return False
    return not run.state.schedule.pending() or run.ending or (_held(run) and not run.state.paused)


async def _drain(run: Run) -> None:
    try:
        await workflow.wait_condition(lambda: not run.running, timeout=DRAIN)
    except TimeoutError:
        for task in run.running.values():
            task.cancel()
        await workflow.wait_condition(lambda: not run.running)

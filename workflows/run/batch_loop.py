"""Keep calls in flight until no batch is left."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from temporalio import workflow

from quire.call_bundles import SINGLE_CALL, Bundle, choose_bundle
from quire.slots import Batch
from workflows.run import run as limits
from workflows.run.batch import process_batch, process_bundle
from workflows.run.run import Run


async def run_batch_loop(
    run: Run, *, next_input: Callable[[], Sequence[Any]] | None = None, until_first_answer: bool = False
) -> None:
    """Start batches as call slots come free, and return when no batch is left or the run is to end.

    A history that grows long continues as new with the open batches; `next_input` returns the new workflow's arguments.
    With `until_first_answer` the loop ends with the first answered batch.
    """

    def has_ended() -> bool:
        first_done = until_first_answer and run.state.has_first_answer and not run.tasks
        return first_done or _is_drained(run)

    while not has_ended():
        while _may_start(run):
            _start_next_bundle(run)
        run.publish_progress()
        try:
            await _wait_for_change(run, has_ended)
        except asyncio.CancelledError:
            run.cancelled = True
        if run.ending and _is_busy(run):
            await _drain_calls(run)
        if run.error is not None:
            raise run.error
    if run.state.schedule.has_pending() and not run.ending and not until_first_answer:
        await continue_as_new(run, next_input)


def _start_next_bundle(run: Run) -> None:
    """Send the next batch, or the next several if calls are so short that the engine would be the bound."""
    bundle = _choose_bundle(run)
    batches = [_take_next_batch(run)]
    while len(batches) < bundle.calls and _may_start(run):
        batches.append(_take_next_batch(run))
    if len(batches) == 1:
        run.state.single_batches_left = max(0, run.state.single_batches_left - 1)
        run.start_task(batches, 1, process_batch(run, batches[0]))
        return
    call_slots = min(bundle.call_slots, len(batches))
    run.start_task(batches, call_slots, process_bundle(run, batches, call_slots))


def _take_next_batch(run: Run) -> Batch:
    batch = run.state.schedule.take_next(run.estimate_items_per_answer() if run.state.planned.resize else None)
    run.reserve_budget(batch)
    return batch


def _choose_bundle(run: Run) -> Bundle:
    """Return the size of the next activity, within the free call slots."""
    state, batching = run.state, run.request.batching
    single = state.single_batches_left or batching.hedge is not None or run.request.generator.has_rate_limits
    if single or run.is_warming_up():
        return SINGLE_CALL
    bundle = choose_bundle(
        concurrency=batching.concurrency,
        share=run.call_slots,
        seconds=state.seconds_per_call if state.calls_timed else None,
        waiting=state.schedule.count_startable(),
    )
    return bundle._replace(call_slots=min(bundle.call_slots, run.call_slots - run.calls_in_flight))


async def continue_as_new(run: Run, next_input: Callable[[], Sequence[Any]] | None = None) -> None:
    """Continue in a new history, with the arguments that `next_input` returns."""
    await workflow.wait_condition(workflow.all_handlers_finished)
    workflow.continue_as_new(args=next_input() if next_input else [run.request, run.state])


async def _wait_for_change(run: Run, has_ended: Callable[[], bool]) -> None:
    """Wait until a batch may start, the loop has ended, or a spent quota resets."""
    quota_resets_at = run.state.quota_resets_at
    if quota_resets_at is not None:
        await run.wait_for(quota_resets_at, until=lambda: _is_drained(run))
        return
    await workflow.wait_condition(
        lambda: (
            _may_start(run)
            or has_ended()
            or (run.ending and _is_busy(run))
            or run.state.quota_resets_at is not None
            or run.error is not None
        )
    )


def _may_start(run: Run) -> bool:
    call_slots = 1 if run.is_warming_up() else run.call_slots
    if run.calls_in_flight >= call_slots or not run.state.schedule.has_startable():
        return False
    return not _must_not_start(run) and not run.describe_wait()[0]


def _must_not_start(run: Run) -> bool:
    return run.state.paused or run.ending or workflow.info().is_continue_as_new_suggested()


def _is_drained(run: Run) -> bool:
    """Return True if no call is in flight and none can start in this history."""
    if run.tasks or run.extensions_running:
        return False
    return not run.state.schedule.has_pending() or run.ending or (_must_not_start(run) and not run.state.paused)


def _is_busy(run: Run) -> bool:
    """Return True while a call or an extension of the plan is under way."""
    return bool(run.tasks or run.extensions_running)


async def _drain_calls(run: Run) -> None:
    """Wait for what is under way in an ending run; cancel the calls that take too long, and forget the extensions."""
    end = workflow.now() + limits.DRAIN_TIME
    while _is_busy(run) and run.error is None:
        try:
            await workflow.wait_condition(
                lambda: not _is_busy(run) or run.error is not None,
                timeout=max(0.001, (end - workflow.now()).total_seconds()),
                timeout_summary="calls in flight may finish",
            )
        except asyncio.CancelledError:  # a run that was to finish early is now cancelled: the time is the same
            run.cancelled = True
        except TimeoutError:
            run.extensions_running = 0
            for task in run.tasks.values():
                task.cancel()
            await workflow.wait_condition(lambda: not run.tasks)

"""Keep batches in flight until none is open."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow

from quire.bundling import FORMER, RULE, Bundle, Rule, bundle
from quire.slots import Batch
from workflows.filling import fill, fill_several
from workflows.run import Run

SEVERAL = "several calls in one activity"
FEWER = "fewer activities for first waves and the ends of shards"
"""Patches that let calls go together."""
DRAIN = timedelta(seconds=60)
"""How long a cancelled run waits for the calls in flight, which are paid for."""


async def pump(run: Run, *, anew: Callable[[], Sequence[Any]] | None = None, first: bool = False) -> None:
    """Start batches as places come free; a history that grows long is begun anew with what is open, handed over as
    `anew` says. `first`: only as long as no batch is back."""
    while not (_drained(run) or (first and run.state.warm and not run.running)):
        while _may_start(run):
            _start(run)
        run.show()
        try:
            await _something(run, first=first)
        except asyncio.CancelledError:
            run.cancelled = True
            await _drain(run)
        if run.broken is not None:
            raise run.broken
    if run.state.schedule.pending() and not run.ending and not first:
        await begun_anew(run, anew)


def _start(run: Run) -> None:
    """Send the next batch, or the next several where the engine would be the bound of calls so short."""
    batches, wanted = [_taken(run)], _bundle(run)
    while len(batches) < wanted.places * wanted.turns and _may_start(run):
        batches.append(_taken(run))
    if len(batches) == 1:
        run.state.singly = max(0, run.state.singly - 1)
        run.started(batches, 1, fill(run, batches[0]))
        return
    places = min(wanted.places, len(batches))
    run.started(batches, places, fill_several(run, batches, places))


def _taken(run: Run) -> Batch:
    batch = run.state.schedule.take(run.room() if run.state.planned.resize else None)
    run.reserve(batch)
    return batch


def _bundle(run: Run) -> Bundle:
    """What goes into the next activity, by the rule of the time when the run was begun."""
    for patch, rule in ((FEWER, RULE), (SEVERAL, FORMER)):
        wanted = _wanted(run, rule)
        if wanted.places * wanted.turns > 1 and workflow.patched(patch):
            return wanted
    return Bundle(1, 1)


def _wanted(run: Run, rule: Rule) -> Bundle:
    state, batching = run.state, run.request.batching
    if state.singly or batching.hedge is not None or run.request.generator.limited or run.alone():
        return Bundle(1, 1)
    width = batching.concurrency
    seconds = state.seconds_a_call if state.calls_timed else None
    share = run.share or width
    found = bundle(width=width, share=share, seconds=seconds, waiting=state.schedule.waiting() + 1, rule=rule)
    return Bundle(max(1, min(found.places, share - run.places)), found.turns)


async def begun_anew(run: Run, anew: Callable[[], Sequence[Any]] | None = None) -> None:
    """Go on in a new history."""
    await workflow.wait_condition(workflow.all_handlers_finished)
    workflow.continue_as_new(args=anew() if anew else [run.request, run.state])


async def _something(run: Run, *, first: bool) -> None:
    """Wait until a batch may start, or none is left, or a quota is whole again."""
    until = run.state.until
    if until is not None:
        await run.awaken(until, also=lambda: _drained(run))
        return
    await workflow.wait_condition(
        lambda: (
            _may_start(run)
            or _drained(run)
            or (first and run.state.warm and not run.running)
            or run.state.until is not None
            or run.broken is not None
        )
    )


def _held(run: Run) -> bool:
    return run.state.paused or run.ending or workflow.info().is_continue_as_new_suggested()


def _may_start(run: Run) -> bool:
    places = 1 if run.alone() else run.share or run.request.batching.concurrency
    return run.places < places and run.state.schedule.startable() and not _held(run) and not run.waits()[0]


def _drained(run: Run) -> bool:
    if run.running or run.extending:
        return False
    return not run.state.schedule.pending() or run.ending or (_held(run) and not run.state.paused)


async def _drain(run: Run) -> None:
    try:
        await workflow.wait_condition(
            lambda: not run.running, timeout=DRAIN, timeout_summary="calls in flight may finish"
        )
    except TimeoutError:
        for task in run.running.values():
            task.cancel()
        await workflow.wait_condition(lambda: not run.running)

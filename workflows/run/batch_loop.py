"""Keep batches in flight until none is open."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from temporalio import workflow

from quire.call_bundles import FIRST, FORMER, LATEST, RULE, Bundle, Rule, bundle
from quire.slots import Batch
from workflows.run.activity_calls import several_name
from workflows.run.batch import fill, fill_several
from workflows.run.run import Run
from workflows.state.bundles_in_flight import Flight

SEVERAL = "several calls in one activity"
FEWER = "fewer activities for first waves and the ends of shards"
RELAYED = "activities of several calls stand behind one another"
"""Patches that let calls go together."""
RULES = ((RELAYED, RULE), (FEWER, FORMER), (SEVERAL, FIRST))
DRAIN = timedelta(seconds=60)
"""How long a cancelled run waits for the calls in flight, which are paid for."""


async def pump(run: Run, *, anew: Callable[[], Sequence[Any]] | None = None, first: bool = False) -> None:
    """Start batches as places come free; a history that grows long is begun anew with what is open, handed over as
    `anew` says. `first`: only as long as no batch is back."""
    while not (_drained(run) or (first and run.state.warm and not run.running)):
        while _may_start(run):
            _start(run)
        while (ahead := _unfollowed(run)) is not None:
            _follow(run, ahead)
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
    batches, (wanted, rule) = [_taken(run)], _bundle(run)
    while len(batches) < wanted.places * wanted.turns and _may_start(run):
        batches.append(_taken(run))
    if len(batches) == 1:
        run.state.singly = max(0, run.state.singly - 1)
        run.started(batches, 1, fill(run, batches[0]))
        return
    _send(run, batches, min(wanted.places, len(batches)))
    if run.flights.relayed is None:
        run.flights.relayed = rule is RULE


def _follow(run: Run, ahead: Flight) -> None:
    """Send the next several to where they wait for the places of an activity that is still at work."""
    wanted, batches = _wanted(run, RULE, ahead.unclaimed, behind=True), list[Batch]()
    while len(batches) < wanted.places * wanted.turns and _may_follow(run):
        batches.append(_taken(run))
    _send(run, batches, min(wanted.places, len(batches)), ahead)


def _send(run: Run, batches: list[Batch], places: int, ahead: Flight | None = None) -> None:
    flight = run.flights.started(several_name(batches), places, ahead)
    run.started(batches, flight.places, fill_several(run, batches, flight))


def _unfollowed(run: Run) -> Flight | None:
    """An activity of several short calls that another may stand behind now. Near the end none does: what is left is for
    the places that come free first."""
    state, share = run.state, _share(run)
    if run.places > share or state.schedule.waiting() < share // 4:
        return None
    if state.singly or state.seconds_a_call > LATEST:
        return None
    ahead = run.flights.unfollowed()
    return ahead if ahead is not None and _may_follow(run) else None


def _taken(run: Run) -> Batch:
    batch = run.state.schedule.take(run.room() if run.state.planned.resize else None)
    run.reserve(batch)
    return batch


def _bundle(run: Run) -> tuple[Bundle, Rule]:
    """What goes into the next activity, by the rule of the time when the run was begun."""
    for patch, rule in RULES:
        wanted = _wanted(run, rule, _share(run) - run.places)
        if wanted.places * wanted.turns > 1 and workflow.patched(patch):
            return wanted, rule
    return Bundle(1, 1), RULE


def _wanted(run: Run, rule: Rule, places: int, *, behind: bool = False) -> Bundle:
    """The same by one rule, for so many places."""
    state, batching = run.state, run.request.batching
    if state.singly or batching.hedge is not None or run.request.generator.limited or run.alone():
        return Bundle(1, 1)
    seconds = state.seconds_a_call if state.calls_timed else None
    waiting, width, share = state.schedule.waiting() + 1, batching.concurrency, _share(run)
    found = bundle(width=width, share=share, seconds=seconds, waiting=waiting, rule=rule, behind=behind)
    if behind and places < 2 * found.places:
        return Bundle(places, found.turns)  # what would be left over is no activity of its own
    return Bundle(max(1, min(found.places, places)), found.turns)


def _share(run: Run) -> int:
    """Calls in flight that this history may have."""
    return run.share or run.request.batching.concurrency


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
            or _unfollowed(run) is not None
            or run.state.until is not None
            or run.broken is not None
        )
    )


def _held(run: Run) -> bool:
    return run.state.paused or run.ending or workflow.info().is_continue_as_new_suggested()


def _may_start(run: Run) -> bool:
    places = 1 if run.alone() else _share(run)
    return run.places < places and _may_follow(run)


def _may_follow(run: Run) -> bool:
    return run.state.schedule.startable() and not _held(run) and not run.waits()[0]


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

"""One batch, from its call to what its open slots come to."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

from quire.call_bundles import LATEST
from quire.contracts import (
    DIVISIBLE,
    FATAL,
    FallBackInput,
    GenerateInput,
    GenerateSeveralInput,
    ReviewInput,
    Several,
)
from quire.outcome import OpenSlot, Outcome
from quire.retry_rules import settle
from quire.slots import Batch
from workflows.run import activity_calls
from workflows.run.run import Run
from workflows.state.bundles_in_flight import Flight

BISECT = "halve batches that come to nothing"
"""Patch of the rule by which open slots are sent again."""
SINGLY = 64
"""Batches that go one by one after an activity of several that left some without an answer."""
HEDGED_FROM = 3
"""Calls that must be back before it is known what is usual."""


async def fill(run: Run, batch: Batch) -> None:
    """Call, judge, settle; whatever happens, the batch is no longer running afterwards."""
    await _filled(run, batch)
    # not in a `finally`: the SDK closes the coroutines of a run that leaves its cache, outside the workflow
    run.ended([batch], 1)
    run.settled()


async def fill_several(run: Run, batches: list[Batch], flight: Flight) -> None:
    """The same for batches whose calls go into one activity. Those that it leaves without an answer go one by one."""
    resumed, plan = run.state.resumed, run.state.planned
    several = Several(outcomes=[])
    try:
        limit = activity_calls.time_limit(run.request.generator, reasoning=plan.reasoning)
        several = await activity_calls.generate_several(
            _calls_of(run, batches, flight), limit, plan.noun, run.state.batches.planned
        )
    except ActivityError as error:
        if not run.cancelled:
            run.hold(activity_calls.as_failure(error), resumed)
    except asyncio.CancelledError:
        pass
    run.flights.heard(several.worker)
    answered = {outcome.batch: outcome for outcome in several.outcomes}
    left = [batch for batch in batches if batch.name not in answered]
    for batch in left:
        run.state.schedule.put_back(batch)
    if several.failed:
        run.state.singly += min(len(left), SINGLY)
    elif not answered:
        run.flights.relayed = False  # it stood behind nobody, or waited in vain
    await asyncio.gather(*(_filled(run, batch, answered[batch.name]) for batch in batches if batch.name in answered))
    run.ended(batches, run.flights.landed(flight))
    run.settled()


async def _filled(run: Run, batch: Batch, known: Outcome | None = None) -> None:
    resumed = run.state.resumed
    try:
        outcome = await _made(run, batch, known)
        await _settle(run, batch, outcome)
    except ActivityError as error:
        await _failed(run, batch, error, resumed)
    except asyncio.CancelledError:
        run.state.schedule.put_back(batch)
    except Exception as error:  # a mistake of ours: the workflow task must fail and be tried again, not go on without
        run.broken = error


def _call_of(run: Run, batch: Batch) -> GenerateInput:
    before = run.state.schedule.before(batch, run.state.planned.reach)
    return GenerateInput(job=run.job, batch=batch, before=before)


def _calls_of(run: Run, batches: list[Batch], flight: Flight) -> GenerateSeveralInput:
    return GenerateSeveralInput(
        job=run.job,
        calls=[_call_of(run, batch) for batch in batches],
        places=flight.wanted,
        behind=flight.ahead.name if flight.ahead else "",
        seconds=LATEST,
    )


async def _made(run: Run, batch: Batch, known: Outcome | None) -> Outcome:
    plan = run.state.planned
    outcome = known or await _called(run, _call_of(run, batch))
    if not plan.reviewed or not outcome.filled:
        return outcome
    run.state.spend(outcome, batch)
    judged = await _judged(run, batch, outcome)
    return judged.model_copy(update={"open": [*outcome.open, *judged.open], "tokens_per_item": outcome.tokens_per_item})


async def _judged(run: Run, batch: Batch, outcome: Outcome) -> Outcome:
    """What the judging model lets stay; all of it where it gave no answer."""
    given = ReviewInput(job=run.job, batch=batch, filled=outcome.filled)
    while True:
        resumed = run.state.resumed
        try:
            return await activity_calls.review(given, activity_calls.time_limit(run.request.model, reasoning=True))
        except ActivityError as error:
            failure = activity_calls.as_failure(error)
            if run.hold(failure, resumed) and not run.ending:
                await run.mended()
                continue
            run.warn(f"batch {batch.name} was not judged: {failure.message[:200]}")
            return Outcome(batch=batch.name, filled=outcome.filled)


async def _called(run: Run, given: GenerateInput) -> Outcome:
    """One call; past a multiple of the usual time a second one races it, if that is wanted."""
    plan, hedge, state = run.state.planned, run.request.batching.hedge, run.state
    limit = activity_calls.time_limit(run.request.generator, reasoning=plan.reasoning)
    if hedge is None:
        return await activity_calls.generate(given, limit, plan.noun, state.batches.planned)
    began = workflow.now().timestamp()
    racers = [asyncio.create_task(activity_calls.generate(given, limit, plan.noun, state.batches.planned))]
    try:
        await workflow.wait_condition(lambda: racers[0].done() or state.calls_timed >= HEDGED_FROM)
        left = began + hedge.after * state.seconds_a_call - workflow.now().timestamp()
        await workflow.wait(racers, timeout=max(0.1, left))
        if not racers[0].done():
            again = given.model_copy(update={"hedge": True})
            racers.append(asyncio.create_task(activity_calls.generate(again, limit, plan.noun, state.batches.planned)))
            await workflow.wait(racers, return_when=asyncio.FIRST_COMPLETED)
        outcome = await _winner(run, racers)
    except asyncio.CancelledError:
        for racer in racers:
            racer.cancel()
        raise
    if outcome.seconds is None:
        state.timed(workflow.now().timestamp() - began)
    return outcome


async def _winner(run: Run, racers: list[asyncio.Task[Outcome]]) -> Outcome:
    """The first answer. The other call is awaited aside, because its tokens are paid for too; where the first to end
    gave no answer, the other one's counts."""
    ended = [racer for racer in racers if racer.done()] or racers
    good = [racer for racer in ended if not racer.done() or racer.exception() is None]
    won = (good or [racer for racer in racers if not racer.done()] or ended)[0]
    for lost in racers:
        if lost is not won:
            task = asyncio.create_task(_counted(run, lost))
            run.racing.add(task)
            task.add_done_callback(run.racing.discard)
    return await won


async def _counted(run: Run, lost: asyncio.Task[Outcome]) -> None:
    try:
        run.state.spend(await lost)
    except (ActivityError, asyncio.CancelledError):
        return


async def _settle(run: Run, batch: Batch, outcome: Outcome) -> None:
    state, request = run.state, run.request
    state.learn(batch, outcome)
    settled = settle(
        batch,
        outcome,
        attempts=request.retry.attempts,
        limit=run.room(),
        models=1 + len(request.generator.fallbacks),
        bisect=not outcome.open or workflow.patched(BISECT),
    )
    if settled.again:
        state.rounds = max(state.rounds, batch.name.count(".") + 2)
        state.schedule.split(batch, settled.again)
    await _without(run, batch, settled.failed)
    if not settled.again:
        state.finish(batch.name)
    if settled.failed and request.on_failure == "stop":
        why = f"{settled.failed[0].reason}: {settled.failed[0].detail}"
        state.stopped = f"a slot gave up ({why}) and on_failure is stop"


async def _without(run: Run, batch: Batch, given_up: list[OpenSlot]) -> None:
    """Slots that the model did not fill: the recipe's templates in their place, or none."""
    state = run.state
    if not given_up or run.request.on_failure != "fallback":
        state.give_up(given_up, batch)
        return
    before = state.schedule.before(batch, state.planned.reach)
    numbers = [slot.slot for slot in given_up]
    filled = await activity_calls.fall_back(
        FallBackInput(job=run.job, name=f"{batch.name}.f", slots=numbers, before=before)
    )
    state.learn(batch, filled)
    state.fallbacks += len(filled.filled)
    filled_now = set(filled.filled)
    state.give_up((slot for slot in given_up if slot.slot not in filled_now), batch)


async def _failed(run: Run, batch: Batch, error: ActivityError, resumed: int) -> None:
    """No answer came. What a person or the time can mend makes the run wait, with the batch as it was."""
    state, failure = run.state, activity_calls.as_failure(error)
    if run.cancelled or run.hold(failure, resumed):
        state.schedule.put_back(batch)
    elif failure.type in DIVISIBLE:
        detail = failure.message[:300]
        left = [OpenSlot(slot=number, reason="failed", detail=detail) for number in batch.slots]
        await _settle(run, batch, Outcome(batch=batch.name, filled=[], open=left))
    elif batch.step < len(run.request.generator.fallbacks):
        other = {"name": f"{batch.name}.1", "step": batch.step + 1, "tries": 1, "full": False}
        state.schedule.split(batch, [batch.model_copy(update=other)])
    else:
        await _give_up(run, batch, failure)


async def _give_up(run: Run, batch: Batch, failure: ApplicationError) -> None:
    state, detail = run.state, failure.message[:300]
    fatal = failure.type in FATAL
    given_up = [OpenSlot(slot=number, reason="failed", detail=detail) for number in batch.slots]
    if fatal:
        state.give_up(given_up, batch)
    else:
        await _without(run, batch, given_up)
    state.finish(batch.name)
    if fatal or run.request.on_failure == "stop":
        state.stopped = detail
        state.fatal = state.fatal or failure.type

"""One batch: its call, a second call if that is slow, the review, and the decision on its open slots."""

import asyncio

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception

from quire.call_bundles import START_WINDOW
from quire.contracts import (
    DIVISIBLE_FAILURES,
    FATAL_FAILURES,
    INTERNAL_ERROR,
    FallBackInput,
    GenerateInput,
    GenerateSeveralInput,
    GenerateSeveralResult,
    ReviewInput,
)
from quire.outcome import OpenSlot, Outcome
from quire.retry_rules import decide_retries
from quire.slots import Batch
from workflows.run import activity_calls
from workflows.run.run import Run

MAX_SINGLE_BATCHES = 64
"""Batches that go one at a time after a call of a bundle failed."""
MAX_INTERNAL_ERRORS = 3
"""Planned batches that may fail in our own code, one after another, before the run waits for a person."""
HEDGE_CALLS_TIMED = 3
"""Calls that must be answered before the usual duration is known."""


async def process_batch(run: Run, batch: Batch) -> None:
    """Call the model for a batch and handle the outcome; afterwards the batch is not in flight, whatever happened."""
    await _handle_batch(run, batch)
    # not in a `finally`: the SDK closes the coroutines of a run that leaves its cache, outside the workflow
    run.end_task([batch], 1)
    run.on_batch_done()


async def process_bundle(run: Run, batches: list[Batch], call_slots: int) -> None:
    """Call the model for several batches in one activity and handle the outcomes; unanswered batches are requeued."""
    resume_count, plan = run.state.resume_count, run.state.planned
    input = GenerateSeveralInput(
        job=run.job,
        calls=[_build_call(run, batch) for batch in batches],
        call_slots=call_slots,
        start_window=START_WINDOW,
    )
    limit = activity_calls.choose_time_limit(run.request.generator, reasoning=plan.reasoning)
    result = GenerateSeveralResult(outcomes=[], failed=True)
    try:
        result = await activity_calls.call_generate_several(input, limit, plan.noun, run.state.batches.planned)
    except ActivityError as error:
        if not run.cancelled:
            run.pause_if_fixable(activity_calls.to_failure(error), resume_count)
    except asyncio.CancelledError:
        pass
    run.state.record_usage(Outcome(batch="", filled=[], usage=result.unheard))
    outcomes = {outcome.batch: outcome for outcome in result.outcomes}
    unanswered = [batch for batch in batches if batch.name not in outcomes]
    for batch in unanswered:
        run.state.schedule.requeue(batch)
    if result.failed:
        run.state.single_batches_left += min(len(unanswered), MAX_SINGLE_BATCHES)
    answered = [batch for batch in batches if batch.name in outcomes]
    await asyncio.gather(*(_handle_batch(run, batch, outcomes[batch.name]) for batch in answered))
    run.end_task(batches, call_slots)
    run.on_batch_done()


async def _handle_batch(run: Run, batch: Batch, outcome: Outcome | None = None) -> None:
    """Handle a batch's outcome, from its own call unless it is given, and every failure on the way."""
    resume_count = run.state.resume_count
    try:
        outcome = outcome or await _call_with_hedge(run, _build_call(run, batch))
        await _decide_open_slots(run, batch, await _review_outcome(run, batch, outcome))
    except ActivityError as error:
        await _handle_failed_call(run, batch, error, resume_count)
    except asyncio.CancelledError:
        run.state.schedule.requeue(batch)
    except Exception as error:  # a programming error: the run must fail with its message, not go on without
        run.error = error


def _build_call(run: Run, batch: Batch) -> GenerateInput:
    earlier_batches = run.state.schedule.list_earlier_batches(batch, run.state.planned.reach)
    return GenerateInput(job=run.job, batch=batch, earlier_batches=earlier_batches)


# The review -----------------------------------------------------------------------------------------------------------


async def _review_outcome(run: Run, batch: Batch, outcome: Outcome) -> Outcome:
    """Return the outcome without the slots that the reviewing model rejects, if the recipe has its items reviewed."""
    if not run.state.planned.reviewed or not outcome.filled:
        return outcome
    run.state.record_usage(outcome, batch)
    review = await _review_items(run, batch, outcome)
    return review.model_copy(update={"open": [*outcome.open, *review.open], "tokens_per_item": outcome.tokens_per_item})


async def _review_items(run: Run, batch: Batch, outcome: Outcome) -> Outcome:
    """Return the review's outcome; if the reviewing model gives no answer, all items stay."""
    input = ReviewInput(job=run.job, batch=batch, filled=outcome.filled)
    while True:
        resume_count = run.state.resume_count
        try:
            return await activity_calls.call_review(
                input, activity_calls.choose_time_limit(run.request.model, reasoning=True)
            )
        except ActivityError as error:
            failure = activity_calls.to_failure(error)
            run.record_unheard(failure)
            if run.pause_if_fixable(failure, resume_count) and not run.ending:
                await run.wait_until_fixed()
                continue
            run.state.add_warning(f"batch {batch.name} was not judged: {failure.message[:200]}")
            return Outcome(batch=batch.name, filled=outcome.filled)


# The call -------------------------------------------------------------------------------------------------------------


async def _call_with_hedge(run: Run, input: GenerateInput) -> Outcome:
    """Call the model; if the request asks for hedging, start a second call when the first takes unusually long."""
    plan, hedge, state = run.state.planned, run.request.batching.hedge, run.state
    limit = activity_calls.choose_time_limit(run.request.generator, reasoning=plan.reasoning)
    if hedge is None:
        return await activity_calls.call_generate(input, limit, plan.noun, state.batches.planned)

    def start_racer(racer: GenerateInput) -> asyncio.Task[Outcome]:
        return asyncio.create_task(activity_calls.call_generate(racer, limit, plan.noun, state.batches.planned))

    start = workflow.now().timestamp()
    racers = [start_racer(input)]
    try:
        await workflow.wait_condition(lambda: racers[0].done() or state.calls_timed >= HEDGE_CALLS_TIMED)
        patience = start + hedge.after * state.seconds_per_call - workflow.now().timestamp()
        await workflow.wait(racers, timeout=max(0.1, patience))
        if not racers[0].done():
            racers.append(start_racer(input.model_copy(update={"hedge": True})))
            await workflow.wait(racers, return_when=asyncio.FIRST_COMPLETED)
        outcome = await _pick_winner(run, racers)
    except asyncio.CancelledError:
        for racer in racers:
            racer.cancel()
        raise
    if outcome.seconds is None:
        state.record_duration(workflow.now().timestamp() - start)
    return outcome


async def _pick_winner(run: Run, racers: list[asyncio.Task[Outcome]]) -> Outcome:
    """Return the first answer. The other call is awaited in the background, because its tokens are paid for too; if the
    first call to end failed, the other call's answer is returned."""
    ended = [racer for racer in racers if racer.done()] or racers
    good = [racer for racer in ended if not racer.done() or racer.exception() is None]
    winner = (good or [racer for racer in racers if not racer.done()] or ended)[0]
    for racer in racers:
        if racer is not winner:
            task = asyncio.create_task(_count_losing_call(run, racer))
            run.lost_racers.add(task)
            task.add_done_callback(run.lost_racers.discard)
    return await winner


async def _count_losing_call(run: Run, racer: asyncio.Task[Outcome]) -> None:
    try:
        run.state.record_usage(await racer)
    except (ActivityError, asyncio.CancelledError):
        return


# Open slots -----------------------------------------------------------------------------------------------------------


async def _decide_open_slots(run: Run, batch: Batch, outcome: Outcome) -> None:
    """Record a batch's outcome, and retry its open slots or give them up."""
    state, request = run.state, run.request
    state.record_outcome(batch, outcome)
    if outcome.filled:
        state.batches_with_internal_errors.clear()
    decision = decide_retries(
        batch,
        outcome,
        attempts=request.retry.attempts,
        limit=run.estimate_items_per_answer(),
        models=1 + len(request.generator.fallbacks),
    )
    if decision.retries:
        state.rounds = max(state.rounds, batch.name.count(".") + 2)
        state.schedule.split_batch(batch, decision.retries)
    await _fill_from_templates(run, batch, decision.given_up)
    if not decision.retries:
        state.finish_batch(batch.name)
    if decision.given_up and request.on_failure == "stop":
        why = f"{decision.given_up[0].reason}: {decision.given_up[0].detail}"
        state.stop_reason = f"a slot gave up ({why}) and on_failure is stop"


async def _fill_from_templates(run: Run, batch: Batch, given_up: list[OpenSlot]) -> None:
    """Fill slots that gave up from the recipe's templates if the request asks for that; record the rest as failed."""
    state = run.state
    if not given_up or run.request.on_failure != "fallback":
        state.give_up_slots(given_up, batch)
        return
    earlier_batches = state.schedule.list_earlier_batches(batch, state.planned.reach)
    numbers = [slot.slot for slot in given_up]
    outcome = await _call_templates(
        run, FallBackInput(job=run.job, name=f"{batch.name}.f", slots=numbers, earlier_batches=earlier_batches)
    )
    state.record_outcome(batch, outcome)
    state.fallbacks += len(outcome.filled)
    filled = set(outcome.filled)
    state.give_up_slots((slot for slot in given_up if slot.slot not in filled), batch)


async def _call_templates(run: Run, input: FallBackInput) -> Outcome:
    """Return the outcome of the templates; if the store cannot be written, once that is fixed. An ending run, and one
    whose templates fail in our own code, goes on without them."""
    while True:
        resume_count = run.state.resume_count
        try:
            return await activity_calls.call_fall_back(input)
        except ActivityError as error:
            failure = activity_calls.to_failure(error)
            if run.ending or not run.pause_if_fixable(failure, resume_count):
                run.state.add_warning(f"batch {input.name} was not filled from templates: {failure.message[:300]}")
                return Outcome(batch=input.name, filled=[])
        await run.wait_until_fixed()


async def _handle_failed_call(run: Run, batch: Batch, error: ActivityError, resume_count: int) -> None:
    """Requeue, divide, or give up a batch whose call failed; a fixable failure pauses the run."""
    state, failure = run.state, activity_calls.to_failure(error)
    run.record_unheard(failure, batch)
    if failure.type == INTERNAL_ERROR and _is_general_internal_error(run, batch):
        run.pause_if_fixable(failure, resume_count, on_store=True)  # not one answer's fault: every batch meets it
        state.schedule.requeue(batch)
    elif run.cancelled or is_cancelled_exception(error) or run.pause_if_fixable(failure, resume_count):
        state.schedule.requeue(batch)
    elif failure.type in DIVISIBLE_FAILURES:
        await _decide_open_slots(run, batch, Outcome(batch=batch.name, filled=[], open=_fail_slots(batch, failure)))
    elif batch.step < len(run.request.generator.fallbacks):
        next_model = {"name": f"{batch.name}.1", "step": batch.step + 1, "tries": 1, "full": False}
        state.schedule.split_batch(batch, [batch.model_copy(update=next_model)])
    else:
        await _give_up_batch(run, batch, failure)


def _is_general_internal_error(run: Run, batch: Batch) -> bool:
    """Take note that a batch's call failed in our own code. Return True if so many batches have done so one after
    another that no single answer is to blame."""
    roots = run.state.batches_with_internal_errors
    if batch.root not in roots:
        roots.append(batch.root)
    if len(roots) < MAX_INTERNAL_ERRORS:
        return False
    roots.clear()
    return True


def _fail_slots(batch: Batch, failure: ApplicationError) -> list[OpenSlot]:
    return [OpenSlot(slot=number, reason="failed", detail=failure.message[:300]) for number in batch.slots]


async def _give_up_batch(run: Run, batch: Batch, failure: ApplicationError) -> None:
    """Give up all slots of a batch; a failure that every batch would meet stops the run."""
    state = run.state
    fatal = failure.type in FATAL_FAILURES
    given_up = _fail_slots(batch, failure)
    if fatal:
        state.give_up_slots(given_up, batch)
    else:
        await _fill_from_templates(run, batch, given_up)
    state.finish_batch(batch.name)
    if fatal or run.request.on_failure == "stop":
        state.stop_reason = failure.message[:300]
        state.fatal_failure = state.fatal_failure or failure.type

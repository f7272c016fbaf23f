"""Decide what happens to the slots that a batch left open: retried in smaller batches, or given up. Pure."""

from pydantic import BaseModel

from quire.batching import split_smaller
from quire.outcome import OpenSlot, Outcome
from quire.slots import Batch


class RetryDecision(BaseModel):
    """Batches to be sent, and slots that are given up."""

    retries: list[Batch] = []
    given_up: list[OpenSlot] = []


def decide_retries(batch: Batch, outcome: Outcome, *, attempts: int, limit: int, models: int = 1) -> RetryDecision:
    """Decide on each open slot of a batch: it is retried, by the next model if need be, or given up.

    A try is used up when the slot's own content was bad, or when it was asked for alone and did not come. A slot that
    is open only because the answer ended early has not been tried; a slot of a batch without any result has not been
    tried alone: such a batch is halved until the bad slot stands by itself. Both are bounded, since each such round
    fills a slot or halves the batch. A slot that has used up its `attempts` tries goes to the next of `models`, if
    there is another. `limit` is the number of items that fit into an answer.
    """
    decision = RetryDecision()
    by_try: dict[tuple[int, int, bool], list[OpenSlot]] = {}
    for open_slot in outcome.open:
        next_try = _next_try(batch, open_slot, progressed=bool(outcome.filled))
        tries, step, full = next_try or (attempts + 1, batch.step, batch.full)
        if tries > attempts and step + 1 < models:
            tries, step, full = 1, step + 1, False
        if tries <= attempts:
            by_try.setdefault((tries, step, full), []).append(open_slot)
        else:
            too_long = open_slot.reason == "cut off" and len(batch.slots) == 1
            decision.given_up.append(open_slot.model_copy(update={"reason": "too long"}) if too_long else open_slot)
    serial = 0
    for (tries, step, full), slots in sorted(by_try.items()):
        invalid = {slot.slot for slot in slots if slot.reason == "invalid"}
        for numbers in split_smaller([slot.slot for slot in slots], len(batch.slots), limit):
            serial += 1
            decision.retries.append(
                Batch(
                    name=f"{batch.name}.{serial}",
                    slots=numbers,
                    tries=tries,
                    rejected_by="" if invalid.isdisjoint(numbers) else batch.name,
                    step=step,
                    full=full,
                    avoid=batch.avoid,
                )
            )
    return decision


def _next_try(batch: Batch, open_slot: OpenSlot, *, progressed: bool) -> tuple[int, int, bool] | None:
    """Return number, model and fullness of a slot's next try; None if this model gets no other."""
    is_single = len(batch.slots) == 1
    if open_slot.reason in ("refused", "failed"):  # the same question gets the same answer, and is paid for again
        return None if is_single else (batch.tries, batch.step, False)
    if open_slot.reason == "cut off" and is_single:
        return None if batch.full else (batch.tries, batch.step, True)
    untried = open_slot.reason in ("cut off", "missing") and (progressed or not is_single)
    return (batch.tries if untried else batch.tries + 1, batch.step, False)

"""What happens to the slots that a batch left open: again in smaller batches, or given up. Pure."""

from pydantic import BaseModel

from quire.batching import smaller
from quire.outcome import OpenSlot, Outcome
from quire.slots import Batch


class Settled(BaseModel):
    """What is to be sent again, and what is given up."""

    again: list[Batch] = []
    failed: list[OpenSlot] = []


def settle(
    batch: Batch, outcome: Outcome, *, attempts: int, limit: int, models: int = 1, bisect: bool = True
) -> Settled:
    """Decide on each open slot of a batch.

    A try is used up when the slot's own content was bad, or when it was asked for alone and did not come. A slot that
    is open only because the answer ended early has not been tried; one in a batch that came to nothing has not been
    tried alone: such a batch is halved until the bad slot stands by itself. Both are bounded, since each such round
    fills a slot or halves the batch. What has used up its tries goes to the next of `models`, if there is one.

    `bisect` is false for runs that began before batches that come to nothing were halved without using up a try.
    """
    result = Settled()
    by_plan: dict[tuple[int, int, bool], list[OpenSlot]] = {}
    for open_slot in outcome.open:
        again = (_again if bisect else _again_at_first)(batch, open_slot, progressed=bool(outcome.filled))
        tries, step, full = again or (attempts + 1, batch.step, batch.full)
        if tries > attempts and step + 1 < models:
            tries, step, full = 1, step + 1, False
        if tries <= attempts:
            by_plan.setdefault((tries, step, full), []).append(open_slot)
        else:
            too_long = open_slot.reason == "cut off" and (not bisect or len(batch.slots) == 1)
            result.failed.append(open_slot.model_copy(update={"reason": "too long"}) if too_long else open_slot)
    serial = 0
    for (tries, step, full), slots in sorted(by_plan.items()):
        hints = {slot.slot: slot.detail for slot in slots if slot.reason == "invalid" and slot.detail}
        for numbers in smaller([slot.slot for slot in slots], len(batch.slots), limit):
            serial += 1
            said = tuple(f"slot {n}: {hints[n]}" for n in numbers if n in hints)
            name = f"{batch.name}.{serial}"
            result.again.append(
                Batch(name=name, slots=numbers, tries=tries, hints=said, step=step, full=full, avoid=batch.avoid)
            )
    return result


def _again(batch: Batch, open_slot: OpenSlot, *, progressed: bool) -> tuple[int, int, bool] | None:
    """Try, model and fullness with which a slot goes again; None where this model has had its chance."""
    alone = len(batch.slots) == 1
    if open_slot.reason in ("refused", "failed"):  # asking again in the same words gets the same, and is paid for
        return None if alone else (batch.tries, batch.step, False)
    if open_slot.reason == "cut off" and alone:
        return None if batch.full else (batch.tries, batch.step, True)
    untried = open_slot.reason in ("cut off", "missing") and (progressed or not alone)
    return (batch.tries if untried else batch.tries + 1, batch.step, False)


def _again_at_first(batch: Batch, open_slot: OpenSlot, *, progressed: bool) -> tuple[int, int, bool] | None:
    """The rule of the first runs."""
    if open_slot.reason == "refused":
        return None
    early = open_slot.reason in ("cut off", "missing") and progressed
    halved = open_slot.reason == "cut off" and len(batch.slots) > 1
    return (batch.tries if early or halved else batch.tries + 1, 0, False)

"""What happens to the slots that a batch left open: again in smaller batches, or given up. Pure."""

from pydantic import BaseModel

from quire.batching import smaller
from quire.outcome import OpenSlot, Outcome
from quire.slots import Batch


class Settled(BaseModel):
    """What is to be sent again, and what is given up."""

    again: list[Batch] = []
    failed: list[OpenSlot] = []


def settle(batch: Batch, outcome: Outcome, *, attempts: int, limit: int) -> Settled:
    """Decide on each open slot of a batch.

    A try is used up when the slot's own content was bad, or when an answer filled nothing at all. A slot that is
    open only because the answer ended early has not been tried: it goes again at the same count, which is bounded,
    since each such round fills a slot or halves the batch.
    """
    result = Settled()
    progressed = bool(outcome.filled)
    by_try: dict[int, list[OpenSlot]] = {}
    for open_slot in outcome.open:
        if open_slot.reason == "refused":
            result.failed.append(open_slot)  # asking again in the same words gets the same refusal, and is paid for
            continue
        early = open_slot.reason in ("cut off", "missing") and progressed
        halved = open_slot.reason == "cut off" and len(batch.slots) > 1
        tries = batch.tries if early or halved else batch.tries + 1
        if tries > attempts:
            alone = open_slot.reason == "cut off"
            result.failed.append(open_slot.model_copy(update={"reason": "too long"}) if alone else open_slot)
        else:
            by_try.setdefault(tries, []).append(open_slot)
    serial = 0
    for tries, slots in sorted(by_try.items()):
        hints = {slot.slot: slot.detail for slot in slots if slot.reason == "invalid" and slot.detail}
        for numbers in smaller([slot.slot for slot in slots], len(batch.slots), limit):
            serial += 1
            said = tuple(f"slot {n}: {hints[n]}" for n in numbers if n in hints)
            name = f"{batch.name}.{serial}"
            result.again.append(Batch(name=name, slots=numbers, tries=tries, hints=said, avoid=batch.avoid))
    return result

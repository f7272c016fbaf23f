"""Which items of an answer are good: each is validated on its own, against its own slot. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import jsonschema_rs

from activities.store.answers import Answer
from quire.answer_items import salvage
from quire.outcome import OpenSlot, Reason
from quire.slots import Slot
from recipes.base.recipe import Item, Recipe


@dataclass
class Judged:
    """Good items by slot number, and the slots that stay open."""

    good: dict[int, Item] = field(default_factory=dict[int, Item])
    open: list[OpenSlot] = field(default_factory=list[OpenSlot])
    read: int = 0
    """Complete elements that the answer held, good or not."""


def judge(answer: Answer, slots: Sequence[Slot], recipe: Recipe) -> Judged:
    """Sort an answer's items. Items of slots that were not asked for, and a second one for the same slot, are kept
    out; an answer that left a slot unfilled says why in the slot's reason."""
    judged = Judged()
    by_number = {slot.number: slot for slot in slots}
    validator = jsonschema_rs.validator_for(recipe.item_schema(slots), offline=True)
    faults: dict[int, str] = {}
    for raw in salvage(answer.text, truncated=answer.cut):
        judged.read += 1
        if not isinstance(raw, dict):
            continue
        item = cast(Item, raw)
        number = item.get("slot")
        if not isinstance(number, int) or number not in by_number or number in judged.good:
            continue
        said = _schema_faults(validator, item) or recipe.faults(item, by_number[number])
        if said:
            faults[number] = "; ".join(said)[:300]
        else:
            judged.good[number] = item
            faults.pop(number, None)
    for slot in slots:
        if slot.number in judged.good:
            continue
        if slot.number in faults:
            judged.open.append(OpenSlot(slot=slot.number, reason="invalid", detail=faults[slot.number]))
        else:
            reason, detail = _absence(answer)
            judged.open.append(OpenSlot(slot=slot.number, reason=reason, detail=detail))
    return judged


def _schema_faults(validator: Any, item: Item) -> list[str]:
    return [f"{'/'.join(map(str, e.instance_path)) or 'item'}: {e.message}"[:150] for e in validator.iter_errors(item)][
        :3
    ]


def _absence(answer: Answer) -> tuple[Reason, str]:
    if answer.refusal or answer.finish_reason == "content_filter":
        return "refused", (answer.refusal or "the endpoint's content filter stopped the answer")[:300]
    if answer.finish_reason == "length":
        return "cut off", "the answer was cut off at the model's output limit"
    if answer.cut:
        return "cut off", "the connection broke off in the middle of the answer"
    return "missing", "the answer held no complete item for this slot"

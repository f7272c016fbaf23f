"""The check of an answer's items: each is validated against its own slot, independently of the others. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import jsonschema_rs

from activities.store.answers import Answer
from quire.answer_items import extract_items
from quire.outcome import OpenSlot, Reason
from quire.slots import Slot
from recipes.base.recipe import Item, Recipe


@dataclass
class CheckedItems:
    """The valid items of an answer by slot number, and the slots that it left open."""

    good: dict[int, Item] = field(default_factory=dict[int, Item])
    open: list[OpenSlot] = field(default_factory=list[OpenSlot])
    elements: int = 0
    """Complete elements of the answer, valid or not."""


def check_items(answer: Answer, slots: Sequence[Slot], recipe: Recipe) -> CheckedItems:
    """Validate an answer's items, and give the reason for each slot that it leaves open.

    Items for slots that were not requested, and further items for a slot that has one, are ignored.
    """
    checked = CheckedItems()
    by_number = {slot.number: slot for slot in slots}
    validator = jsonschema_rs.validator_for(recipe.item_schema(slots), offline=True)
    faults_by_slot: dict[int, str] = {}
    for element in extract_items(answer.text, truncated=answer.is_cut_off):
        checked.elements += 1
        if not isinstance(element, dict):
            continue
        item = cast(Item, element)
        number = item.get("slot")
        if not isinstance(number, int) or number not in by_number or number in checked.good:
            continue
        faults = _schema_faults(validator, item) or recipe.faults(item, by_number[number])
        if faults:
            faults_by_slot[number] = "; ".join(faults)[:300]
        else:
            checked.good[number] = item
            faults_by_slot.pop(number, None)
    for slot in slots:
        if slot.number in checked.good:
            continue
        if slot.number in faults_by_slot:
            checked.open.append(OpenSlot(slot=slot.number, reason="invalid", detail=faults_by_slot[slot.number]))
        else:
            reason, detail = _reason_for_absence(answer)
            checked.open.append(OpenSlot(slot=slot.number, reason=reason, detail=detail))
    return checked


def _schema_faults(validator: Any, item: Item) -> list[str]:
    errors = validator.iter_errors(item)
    return [f"{'/'.join(map(str, error.instance_path)) or 'item'}: {error.message}"[:150] for error in errors][:3]


def _reason_for_absence(answer: Answer) -> tuple[Reason, str]:
    if answer.refusal or answer.finish_reason == "content_filter":
        return "refused", (answer.refusal or "the endpoint's content filter stopped the answer")[:300]
    if answer.finish_reason == "length":
        return "cut off", "the answer was cut off at the model's output limit"
    if answer.is_cut_off:
        return "cut off", "the connection broke off in the middle of the answer"
    return "missing", "the answer held no complete item for this slot"

"""The check of an answer's items: each is validated against its own slot, independently of the others. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import jsonschema_rs

from activities.store.answers import Answer
from quire.answer_items import extract_items, find_unstorable
from quire.outcome import OpenSlot, Reason
from quire.slots import Slot
from recipes.base.recipe import Item, Recipe

MAX_FAULTS = 3
"""Faults of an item that are told."""


@dataclass
class CheckedItems:
    """The valid items of an answer by slot number, and the slots that it left open."""

    good: dict[int, Item] = field(default_factory=dict[int, Item])
    open: list[OpenSlot] = field(default_factory=list[OpenSlot])
    """Slots without an item, with the rules that were broken; these words quote nothing of the answer."""
    words: dict[int, str] = field(default_factory=dict[int, str])
    """What is wrong with the answer for an open slot, in full: for the store and the next prompt."""
    elements: int = 0
    """Complete elements of the answer, valid or not."""


def check_items(answer: Answer, slots: Sequence[Slot], recipe: Recipe) -> CheckedItems:
    """Validate an answer's items, and give the reason for each slot that it leaves open.

    Items for slots that were not requested, and further items for a slot that has one, are ignored.
    """
    checked = CheckedItems()
    by_number = {slot.number: slot for slot in slots}
    validator = jsonschema_rs.validator_for(recipe.item_schema(slots), offline=True)
    rules_by_slot: dict[int, str] = {}
    for element in extract_items(answer.text, truncated=answer.is_cut_off):
        checked.elements += 1
        if not isinstance(element, dict):
            continue
        item = cast(Item, element)
        number = item.get("slot")
        if not isinstance(number, int) or number not in by_number or number in checked.good:
            continue
        unstorable = find_unstorable(item)
        errors = [] if unstorable else list(validator.iter_errors(item))[:MAX_FAULTS]
        rules = [unstorable] if unstorable else [_describe_rule(error) for error in errors]
        faults = [unstorable] if unstorable else [_describe_fault(error) for error in errors]
        if not faults and (faults := recipe.faults(item, by_number[number])):
            rules = ["it breaks a rule of the recipe"]
        if faults:
            rules_by_slot[number] = "; ".join(rules)[:300]
            checked.words[number] = "; ".join(faults)[:300]
        else:
            checked.good[number] = item
            rules_by_slot.pop(number, None)
            checked.words.pop(number, None)
    for slot in slots:
        if slot.number in checked.good:
            continue
        if slot.number in rules_by_slot:
            checked.open.append(OpenSlot(slot=slot.number, reason="invalid", detail=rules_by_slot[slot.number]))
        else:
            reason, detail = _reason_for_absence(answer)
            checked.open.append(OpenSlot(slot=slot.number, reason=reason, detail=detail))
            if answer.refusal:
                checked.words[slot.number] = answer.refusal[:300]
    return checked


def _describe_fault(error: Any) -> str:
    """Return what the validator says of an item, which may quote it."""
    return f"{'/'.join(map(str, error.instance_path)) or 'item'}: {error.message}"[:150]


def _describe_rule(error: Any) -> str:
    """Return which rule an item breaks and where, in words of the schema: even a field's name may be the model's."""
    names = set(error.schema_path)
    path = "/".join(str(step) if isinstance(step, int) or step in names else "…" for step in error.instance_path)
    limit = getattr(error.kind, "limit", getattr(error.kind, "property", ""))
    return f"{path or 'item'}: it breaks the rule {error.kind.name} {limit}".rstrip()[:150]


def _reason_for_absence(answer: Answer) -> tuple[Reason, str]:
    if answer.refusal or answer.finish_reason == "content_filter":
        return "refused", "the model refused" if answer.refusal else "the endpoint's content filter stopped the answer"
    if answer.finish_reason == "length":
        return "cut off", "the answer was cut off at the model's output limit"
    if answer.is_cut_off:
        return "cut off", "the connection broke off in the middle of the answer"
    return "missing", "the answer held no complete item for this slot"

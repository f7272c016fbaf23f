"""What a validator or a reviewing model said of a batch's items, in full.

It may quote the items, so it is kept in the note of the call, in the batch's file, and read there for the next prompt;
histories have the rules alone.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from activities.store.batch_files import batch_key, read_batch_file
from activities.store.object_store import Store
from quire.outcome import OpenSlot, Reason

_INVALID: Reason = "invalid"


def describe_open_slot(slot: OpenSlot, words: str | None) -> str:
    """Return why a call left a slot open, in the `words` of the check if it has any."""
    detail = words or slot.detail
    return f"{slot.reason}: {detail}" if detail else slot.reason


def add_review(note: Mapping[str, Any], refused: Mapping[int, str]) -> dict[str, Any]:
    """Return a call's note with what the reviewing model said of items that it does not accept, by slot number."""
    judged = {str(number): f"judged: {words}" for number, words in refused.items()}
    return {**note, "judged": {**note.get("judged", {}), **judged}}


def describe_review(note: Mapping[str, Any]) -> dict[str, str]:
    """Return what became of the items that the reviewing model did not accept, by slot number as a text."""
    return {number: f"{_INVALID}: {words}" for number, words in note.get("judged", {}).items()}


async def read_item_faults(store: Store, batch: str, slots: Iterable[int]) -> dict[int, str]:
    """Return what was wrong with the items that a batch's call gave for these slots; nothing for the others."""
    note = (await read_batch_file(store, batch_key(batch))).call or {"open": {}}
    results = {**note["open"], **describe_review(note)}
    texts = {number: str(results.get(str(number), "")) for number in slots}
    prefix = f"{_INVALID}: "
    return {number: text.removeprefix(prefix) for number, text in texts.items() if text.startswith(prefix)}

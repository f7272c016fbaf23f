"""A slot as a row of the page's browser: what was asked for, what came back, and by which calls."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from activities.report.call_notes import SlotAttempt
from activities.report.ledger import LEDGER_KEY
from activities.store.batch_files import Row
from activities.store.object_store import Store
from quire.slots import Slot
from recipes.base.recipe import Recipe

OPEN = "not filled yet"


class EmptySlotReasons:
    """Why slots of an ended run are empty, read from its ledger in slot order. A live run has no ledger yet."""

    def __init__(self, store: Store, *, ended: bool) -> None:
        self._lines: AsyncIterator[bytes] | None = store.read_lines(LEDGER_KEY) if ended else None

    async def read_next(self, *, is_empty: bool) -> str | None:
        """Return why the next slot is empty; None if it is filled or may still be.

        It must be called for every slot, since the ledger has a line for each.
        """
        if self._lines is None:
            return None
        line = await anext(self._lines, b"")
        if not is_empty:
            return None
        return str((json.loads(line).get("reason") if line else None) or "not filled")


def build_row(
    recipe: Recipe,
    slot: Slot,
    row: Row | None,
    reason: str | None,
    attempts: Sequence[SlotAttempt],
    duplicates: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return what the page's browser shows of a slot. `reason` is None if the slot is filled or may still be."""
    facts: dict[str, Any] = {
        "key": slot.key,
        "state": "filled" if row else "open" if reason is None else "failed",
        "brief": slot.brief,
        "calls": [[call["batch"], call["try"], call["came_to"], call["finish_reason"]] for call in attempts],
        "duplicates": [[duplicate["round"], duplicate["of"], duplicate["likeness"]] for duplicate in duplicates],
    }
    if row is None:
        return facts | {"reason": reason or OPEN}
    provenance = row["provenance"]
    return facts | {
        "source": provenance["source"],
        "batch": provenance["batch"],
        "model": provenance["model"],
        "try": provenance["attempt"],
        "item": {key: value for key, value in recipe.to_artifact(row["item"], slot).items() if key != "id"},
    }

"""A slot as a row of the page's browser: what was asked, what came, and by which calls."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from activities.report import ledger
from activities.report.ledger import Attempt
from activities.store.batch_files import Row
from activities.store.object_store import Store
from quire.slots import Slot
from recipes.base.recipe import Recipe

OPEN = "not filled yet"


class Reasons:
    """Why slots of an ended run are empty, read from its ledger beside the slots; a live run has no ledger."""

    def __init__(self, store: Store, *, ended: bool) -> None:
        self._lines: AsyncIterator[bytes] | None = store.lines(ledger.KEY) if ended else None

    async def next(self, *, wanted: bool) -> str | None:
        """The next slot's reason, where it is asked for; None where it may still be filled."""
        if self._lines is None:
            return None
        line = await anext(self._lines, b"")
        if not line:
            return "not filled" if wanted else None
        return str(json.loads(line).get("reason") or "not filled") if wanted else None


def row_of(
    recipe: Recipe,
    slot: Slot,
    row: Row | None,
    reason: str | None,
    attempts: Sequence[Attempt],
    twins: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """What the browser shows of it; `reason` is None for a slot that may still be filled."""
    said: dict[str, Any] = {
        "key": slot.key,
        "state": "filled" if row else "open" if reason is None else "failed",
        "brief": slot.brief,
        "calls": [[call["batch"], call["try"], call["came_to"], call["finish_reason"]] for call in attempts],
        "twins": [[twin["round"], twin["of"], twin["likeness"]] for twin in twins],
    }
    if row is None:
        return said | {"reason": reason or OPEN}
    from_where = row["provenance"]
    item = {key: value for key, value in recipe.finished(row["item"], slot).items() if key != "id"}
    return (
        said
        | {"source": from_where["source"], "batch": from_where["batch"], "model": from_where["model"]}
        | {
            "try": from_where["attempt"],
            "item": item,
        }
    )

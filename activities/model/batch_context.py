"""What a batch's prompt shows in addition to its slots: earlier items of its lane, and the planning model's answers."""

import json
from collections.abc import Sequence

from activities.store.batch_files import Row, batch_key, read_batch_file
from activities.store.object_store import Store
from activities.store.plan_file import OpenPlan
from quire.slots import Slot
from recipes.base.recipe import BatchContext

PREPARATIONS = "prepared/"
"""The folder of the planning model's answers."""


async def load_context(
    store: Store, plan: OpenPlan, slots: Sequence[Slot], earlier_batches: Sequence[str]
) -> BatchContext:
    """Load the items that precede `slots` in the batches named, in slot order, and the preparations."""
    rows = [row for batch in await _read_earlier_rows(store, slots, earlier_batches) for row in batch]
    items = [(plan.slots[row["slot"] - 1], row["item"]) for row in rows]
    prepared = {key: await _read_preparation(store, key) for key in plan.recipe.preparations()}
    return BatchContext(
        before=sorted(items, key=lambda pair: pair[0].number),
        prepared={key: entries for key, entries in prepared.items() if entries},
        template_slots=frozenset(row["slot"] for row in rows if row["provenance"]["source"] == "fallback"),
    )


async def load_conversation(
    store: Store, plan: OpenPlan, slots: Sequence[Slot], earlier_batches: Sequence[str]
) -> list[dict[str, str]]:
    """Load the lane so far as chat messages: for each batch, its task and the items that were accepted."""
    messages: list[dict[str, str]] = []
    for rows in await _read_earlier_rows(store, slots, earlier_batches):
        task = plan.recipe.task([plan.slots[row["slot"] - 1] for row in rows], BatchContext())
        items = [row["item"] for row in rows]
        messages.append({"role": "user", "content": task})
        messages.append({"role": "assistant", "content": json.dumps({"items": items}, ensure_ascii=False)})
    return messages


async def _read_earlier_rows(store: Store, slots: Sequence[Slot], batches: Sequence[str]) -> list[list[Row]]:
    """Return the rows of each batch that precede `slots`; batches that have none are left out."""
    first = min(slot.number for slot in slots)
    rows_by_batch: list[list[Row]] = []
    for name in batches:
        file = await read_batch_file(store, batch_key(name))
        rows = [row for number, row in sorted(file.rows.items()) if number < first]
        if rows:
            rows_by_batch.append(rows)
    return sorted(rows_by_batch, key=lambda rows: rows[0]["slot"])


def preparation_key(key: str) -> str:
    """Return the key in the store of the entries that a planning call gave for the preparation `key`."""
    return f"{PREPARATIONS}{key}.json"


async def _read_preparation(store: Store, key: str) -> object:
    data = await store.get(preparation_key(key))
    return json.loads(data) if data else None

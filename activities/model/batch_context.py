"""What a batch sees beside its own slots: the items before it in its lane, and what the planning model said."""

import json
from collections.abc import Sequence

from activities.store.batch_files import Row, read
from activities.store.object_store import Store
from activities.store.plan_file import OpenPlan
from quire.slots import Slot
from recipes.base.recipe import Around


async def around_of(store: Store, plan: OpenPlan, slots: Sequence[Slot], before: Sequence[str]) -> Around:
    """The items of the batches `before` that stand earlier than these slots, in slot order; and the preparations."""
    found = [row for turn in await _earlier(store, slots, before) for row in turn]
    made = [(plan.slots[row["slot"] - 1], row["item"]) for row in found]
    prepared = {key: await _prepared(store, key) for key in plan.recipe.preparations()}
    return Around(
        before=sorted(made, key=lambda pair: pair[0].number),
        prepared={key: value for key, value in prepared.items() if value},
        templates=frozenset(row["slot"] for row in found if row["provenance"]["source"] == "fallback"),
    )


async def turns(store: Store, plan: OpenPlan, slots: Sequence[Slot], before: Sequence[str]) -> list[dict[str, str]]:
    """The lane as a conversation: what was asked and what was kept, batch by batch."""
    said: list[dict[str, str]] = []
    for turn in await _earlier(store, slots, before):
        asked = [plan.slots[row["slot"] - 1] for row in turn]
        items = [row["item"] for row in turn]
        said.append({"role": "user", "content": plan.recipe.task(asked, Around())})
        said.append({"role": "assistant", "content": json.dumps({"items": items}, ensure_ascii=False)})
    return said


async def _earlier(store: Store, slots: Sequence[Slot], before: Sequence[str]) -> list[list[Row]]:
    first = min(slot.number for slot in slots)
    found: list[list[Row]] = []
    for name in before:
        rows = await read(store, f"batches/{name}.jsonl")
        turn = [row for number, row in sorted(rows.items()) if number < first]
        if turn:
            found.append(turn)
    return sorted(found, key=lambda turn: turn[0]["slot"])


async def _prepared(store: Store, key: str) -> object:
    data = await store.get(f"prepared/{key}.json")
    return json.loads(data) if data else None

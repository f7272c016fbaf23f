"""The other model's part: to plan before the batches, and to judge what they made."""

import json
from typing import Any, cast

from activities.model.call import ask_question
from activities.model.endpoints import Endpoints
from activities.model.pricing import usage_of
from activities.store.answers import Answer
from activities.store.batch_files import file_of, written
from activities.store.plan_file import Plans
from quire.answer_items import salvage
from quire.contracts import PrepareInput, ReviewInput
from quire.outcome import OpenSlot, Outcome


async def prepare(given: PrepareInput, endpoints: Endpoints, plans: Plans) -> Outcome:
    """One planning call; its entries go to `prepared/<key>.json`."""
    plan = await plans.read(given.job)
    store = plan.store
    question = plan.recipe.preparations()[given.key]
    answer = await ask_question(store, endpoints, plan.request.model, question, f"prepare {given.key}")
    await store.put(f"prepared/{given.key}.json", entries(answer))
    return _cost(answer, given.key)


async def review(given: ReviewInput, endpoints: Endpoints, plans: Plans) -> Outcome:
    """Judge a batch's items; those that are not acceptable are taken out of its file, and their slots are open."""
    plan = await plans.read(given.job)
    store = plan.store
    key = f"batches/{given.batch.name}.jsonl"
    file = file_of(await store.get(key) or b"")
    rows = file.rows
    made = [(plan.slots[number - 1], rows[number]["item"]) for number in given.filled if number in rows]
    question = plan.recipe.review(made, given.batch.root)
    if question is None:
        return Outcome(batch=given.batch.name, filled=given.filled)
    answer = await ask_question(store, endpoints, plan.request.model, question, f"review {given.batch.name}")
    refused = {
        int(entry["slot"]): str(entry.get("reason") or "not acceptable")[:300]
        for entry in _entries(answer)
        if entry.get("acceptable") is False and str(entry.get("slot")).isdecimal()
    }
    kept = [row for number, row in sorted(rows.items()) if number not in refused]
    await store.put(key, written(kept, file.call))
    return _cost(answer, given.batch.name).model_copy(
        update={
            "filled": [number for number in given.filled if number not in refused],
            "open": [
                OpenSlot(slot=number, reason="invalid", detail=f"judged: {refused[number]}")
                for number in given.filled
                if number in refused
            ],
        }
    )


def entries(answer: Answer) -> bytes:
    """What a planning call said, as it is kept."""
    return json.dumps(_entries(answer), ensure_ascii=False).encode()


def _entries(answer: Answer) -> list[dict[str, Any]]:
    found = salvage(answer.text, truncated=answer.cut)
    return [cast(dict[str, Any], entry) for entry in found if isinstance(entry, dict)]


def _cost(answer: Answer, name: str) -> Outcome:
    return Outcome(
        batch=name,
        filled=[],
        usage=usage_of(answer.model, answer.usage, simulated=answer.simulated),
        model=answer.model,
        simulated=answer.simulated,
    )

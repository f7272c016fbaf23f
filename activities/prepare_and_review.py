"""The activities `prepare` and `review`: calls of the planning and reviewing model, which make no items."""

import json
from typing import Any, cast

from activities.model.batch_context import preparation_key
from activities.model.call import answer_question
from activities.model.endpoints import Endpoints
from activities.model.pricing import usage_with_cost
from activities.model.unheard_calls import recall_unheard_calls
from activities.store.answers import Answer
from activities.store.batch_files import batch_key, encode_batch_file, read_batch_file
from activities.store.item_faults import add_review
from activities.store.plan_file import PlanCache
from quire.answer_items import extract_items
from quire.contracts import PrepareInput, ReviewInput
from quire.outcome import OpenSlot, Outcome
from quire.request import ModelChoice


async def run_preparation(input: PrepareInput, endpoints: Endpoints, plans: PlanCache) -> Outcome:
    """Make one planning call and store its entries as `prepared/<key>.json`."""
    plan = await plans.open_plan(input.job)
    store = plan.store
    question = plan.recipe.preparations()[input.key]
    run_endpoints = endpoints.of_run(plan.request)
    answer = await answer_question(store, run_endpoints, plan.request.model, question, f"prepare {input.key}")
    await store.put(preparation_key(input.key), encode_entries(answer))
    return _outcome_with_cost(answer, input.key, plan.request.model)


async def review_batch(input: ReviewInput, endpoints: Endpoints, plans: PlanCache) -> Outcome:
    """Have a batch's items reviewed; items that are not acceptable leave the batch's file, and their slots are open."""
    plan = await plans.open_plan(input.job)
    store = plan.store
    key = batch_key(input.batch.name)
    file = await read_batch_file(store, key)
    rows = file.rows
    items = [(plan.slots[number - 1], rows[number]["item"]) for number in input.filled if number in rows]
    question = plan.recipe.review(items, input.batch.root)
    if question is None:
        return Outcome(batch=input.batch.name, filled=input.filled)
    run_endpoints = endpoints.of_run(plan.request)
    answer = await answer_question(store, run_endpoints, plan.request.model, question, f"review {input.batch.name}")
    refused = {
        int(entry["slot"]): str(entry.get("reason") or "not acceptable")[:300]
        for entry in _read_entries(answer)
        if entry.get("acceptable") is False and str(entry.get("slot")).isdecimal()
    }
    accepted = [row for number, row in sorted(rows.items()) if number not in refused]
    note = add_review(file.call, refused) if file.call is not None else None
    await store.put(key, encode_batch_file(accepted, note))
    return _outcome_with_cost(answer, input.batch.name, plan.request.model).model_copy(
        update={
            "filled": [number for number in input.filled if number not in refused],
            "open": [
                OpenSlot(slot=number, reason="invalid", detail="the reviewing model does not accept it")
                for number in input.filled
                if number in refused
            ],
        }
    )


def encode_entries(answer: Answer) -> bytes:
    """Return the entries of a planning call's answer as they are stored."""
    return json.dumps(_read_entries(answer), ensure_ascii=False).encode()


def _read_entries(answer: Answer) -> list[dict[str, Any]]:
    elements = extract_items(answer.text, truncated=answer.is_cut_off)
    return [cast(dict[str, Any], element) for element in elements if isinstance(element, dict)]


def _outcome_with_cost(answer: Answer, name: str, model: ModelChoice) -> Outcome:
    unheard = recall_unheard_calls().to_usage(model, simulated=answer.simulated)
    return Outcome(
        batch=name,
        filled=[],
        usage=usage_with_cost(answer.model, answer.usage, simulated=answer.simulated).plus(unheard),
        model=answer.model,
        simulated=answer.simulated,
    )

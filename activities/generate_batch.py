"""The activities `generate` and `fall_back`: fill a batch with a call of the model, or from the recipe's templates."""

import time
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from activities.model.batch_context import load_context
from activities.model.call import get_or_create_answer
from activities.model.endpoints import Endpoints
from activities.model.item_check import CheckedItems, check_items
from activities.model.pricing import usage_with_cost
from activities.model.prompt import build_batch_call, call_digest
from activities.model.unheard_calls import recall_unheard_calls
from activities.report import call_notes
from activities.store.answers import Answer, share_answer
from activities.store.batch_files import Row, batch_key, encode_batch_file, parse_batch_file
from activities.store.object_store import Store
from activities.store.plan_file import PlanCache
from quire.contracts import FallBackInput, GenerateInput
from quire.outcome import OpenSlot, Outcome, Usage
from quire.slots import Batch
from recipes.base.recipe import Item


async def generate_batch(input: GenerateInput, endpoints: Endpoints, plans: PlanCache) -> Outcome:
    """Fill one batch with one call. Raises ApplicationError, retryable or not, if the call gives no answer."""
    plan = await plans.open_plan(input.job)
    store, batch, recipe, started_at = plan.store, input.batch, plan.recipe, time.time()
    endpoints = endpoints.of_run(plan.request)
    call = await build_batch_call(plan, batch, input.earlier_batches)
    name = call_digest(endpoints, call.model, call.body, f"{batch.name} again" if input.hedge else batch.name)
    expected = plan.request.batching.tokens_per_item * len(call.slots)
    sent_at = time.perf_counter()
    answer = await get_or_create_answer(
        store,
        endpoints,
        call.model,
        call.body,
        name,
        expected=expected,
        shared=plan.request.reuse,
        budgeted=plan.request.budget.is_set,
    )
    checked = check_items(answer, call.slots, recipe)
    slots = {slot.number: slot for slot in call.slots}
    items = {number: recipe.with_context(item, slots[number], call.context) for number, item in checked.good.items()}
    outcome = _outcome(answer, batch, checked, sorted(items), time.perf_counter() - sent_at)
    endpoint = endpoints.filed_address(call.model)
    note = call_notes.build_call_note(
        outcome, batch, answer, name, words=checked.words, endpoint=endpoint, started_at=started_at, hedge=input.hedge
    )
    data = encode_batch_file(_rows(items, _provenance(answer, batch, endpoint)), note)
    stored = await store.put_once(batch_key(batch.name), data)
    if stored != data:  # of two calls that race, the items of the first stay; or this is the same call once more
        filled = sorted(parse_batch_file(stored).rows)
        outcome = _outcome(answer, batch, checked, filled, time.perf_counter() - sent_at)
        await _store_late_note(store, stored, note)
    if plan.request.reuse and not outcome.open and not answer.reused:
        await share_answer(store, name)
    unheard = recall_unheard_calls().to_usage(call.model, simulated=answer.simulated)
    return outcome.model_copy(update={"usage": outcome.usage.plus(unheard)})


async def _store_late_note(store: Store, stored: bytes, note: Mapping[str, Any]) -> None:
    winner = parse_batch_file(stored).call
    if winner is None or winner["answer"] != note["answer"]:
        await call_notes.store_late_note(store, note)


def _outcome(answer: Answer, batch: Batch, checked: CheckedItems, filled: list[int], seconds: float) -> Outcome:
    usage = usage_with_cost(answer.model, answer.usage, simulated=answer.simulated)
    missing = [OpenSlot(slot=number, reason="missing") for number in checked.good if number not in filled]
    return Outcome(
        batch=batch.name,
        filled=filled,
        open=[slot for slot in [*checked.open, *missing] if slot.slot not in filled],
        usage=Usage() if answer.reused else usage,
        model=answer.model,
        tokens_per_item=answer.usage["completion_tokens"] // checked.elements if checked.elements else None,
        simulated=answer.simulated,
        seconds=None if answer.reused else round(seconds, 3),
        reused=answer.reused,
    )


async def fill_batch_from_templates(input: FallBackInput, plans: PlanCache) -> Outcome:
    """Fill slots from the recipe's templates, and check each item as a model's item is checked."""
    plan = await plans.open_plan(input.job)
    store = plan.store
    slots = [plan.slots[number - 1] for number in input.slots]
    context = await load_context(store, plan, slots, input.earlier_batches)
    validator = jsonschema_rs.validator_for(plan.recipe.item_schema(slots), offline=True)
    items: dict[int, Item] = {}
    for slot in slots:
        item = plan.recipe.fallback(slot, context)
        if item is not None and validator.is_valid(item) and not plan.recipe.faults(item, slot):
            items[slot.number] = plan.recipe.with_context(item, slot, context)
    provenance = {
        "source": "fallback", "model": None, "endpoint": None, "batch": input.name, "attempt": 0, "simulated": False,
    }  # fmt: skip
    await store.put(batch_key(input.name), encode_batch_file(_rows(items, provenance), None))
    missing = [slot.number for slot in slots if slot.number not in items]
    return Outcome(
        batch=input.name,
        filled=sorted(items),
        open=[OpenSlot(slot=number, reason="failed", detail="no template fits") for number in missing],
    )


def _provenance(answer: Answer, batch: Batch, endpoint: str) -> dict[str, object]:
    return {
        "source": "model",
        "model": answer.model,
        "endpoint": endpoint,
        "batch": batch.name,
        "attempt": batch.tries,
        "simulated": answer.simulated,
    }


def _rows(items: dict[int, Item], provenance: Mapping[str, object]) -> list[Row]:
    return [{"slot": number, "item": item, "provenance": provenance} for number, item in sorted(items.items())]

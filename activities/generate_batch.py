"""Fill one batch: render its prompt, ask, keep what is good, say what is open. Or fill it from templates."""

import time
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from activities import reuse
from activities.agreement import must_agree
from activities.model.batch_context import around_of
from activities.model.call import ask
from activities.model.endpoints import Endpoints
from activities.model.item_check import Judged, judge
from activities.model.pricing import usage_of
from activities.model.prompt import filed, sent
from activities.report import ledger
from activities.store.answers import Answer
from activities.store.batch_files import Row, file_of, written
from activities.store.object_store import Store
from activities.store.plan_file import Plans
from quire.contracts import FallBackInput, GenerateInput
from quire.outcome import OpenSlot, Outcome, Usage
from quire.slots import Batch
from recipes.base.recipe import Item


async def generate(given: GenerateInput, endpoints: Endpoints, plans: Plans) -> Outcome:
    """Fill one batch with one call. Raises ApplicationError, retryable or not, where no answer came."""
    plan = await plans.read(given.job)
    store, batch, recipe, began = plan.store, given.batch, plan.recipe, time.time()
    must_agree(plan, endpoints)
    call = await sent(plan, batch, given.before)
    name = filed(endpoints, call.model, call.body, f"{batch.name} again" if given.hedge else batch.name)
    expected = plan.request.batching.tokens_per_item * len(call.slots)
    asked = time.perf_counter()
    answer = await ask(store, endpoints, call.model, call.body, name, expected=expected, shared=plan.request.reuse)
    judged = judge(answer, call.slots, recipe)
    slots = {slot.number: slot for slot in call.slots}
    kept = {number: recipe.settled(item, slots[number], call.around) for number, item in judged.good.items()}
    outcome = _outcome(answer, batch, judged, sorted(kept), time.perf_counter() - asked)
    note = ledger.note(outcome, batch, answer, name, began=began, hedge=given.hedge)
    lines = written(_rows(kept, _source(answer, batch)), note)
    there = await store.put_once(f"batches/{batch.name}.jsonl", lines)
    if there != lines:  # of two calls that race, the first one's items stay; or this is the same call once more
        outcome = _outcome(answer, batch, judged, sorted(file_of(there).rows), time.perf_counter() - asked)
        await _too_late(store, there, note)
    if plan.request.reuse and not outcome.open and not answer.reused:
        await reuse.remember(store, name)
    return outcome


async def _too_late(store: Store, there: bytes, note: Mapping[str, Any]) -> None:
    won = file_of(there).call
    if won is None or won["answer"] != note["answer"]:
        await ledger.keep(store, note)


def _outcome(answer: Answer, batch: Batch, judged: Judged, filled: list[int], seconds: float) -> Outcome:
    usage = usage_of(answer.model, answer.usage, simulated=answer.simulated)
    missing = [OpenSlot(slot=number, reason="missing") for number in judged.good if number not in filled]
    return Outcome(
        batch=batch.name,
        filled=filled,
        open=[slot for slot in [*judged.open, *missing] if slot.slot not in filled],
        usage=Usage() if answer.reused else usage,
        model=answer.model,
        tokens_per_item=answer.usage["completion_tokens"] // judged.read if judged.read else None,
        simulated=answer.simulated,
        seconds=None if answer.reused else round(seconds, 3),
        reused=answer.reused,
    )


async def fall_back(given: FallBackInput, plans: Plans) -> Outcome:
    """Fill slots from the recipe's templates, each checked like a model's item."""
    plan = await plans.read(given.job)
    store = plan.store
    slots = [plan.slots[number - 1] for number in given.slots]
    around = await around_of(store, plan, slots, given.before)
    validator = jsonschema_rs.validator_for(plan.recipe.item_schema(slots), offline=True)
    good: dict[int, Item] = {}
    for slot in slots:
        item = plan.recipe.fallback(slot, around)
        if item is not None and validator.is_valid(item) and not plan.recipe.faults(item, slot):
            good[slot.number] = plan.recipe.settled(item, slot, around)
    source = {"source": "fallback", "model": None, "batch": given.name, "attempt": 0, "simulated": False}
    await store.put(f"batches/{given.name}.jsonl", written(_rows(good, source), None))
    missing = [slot.number for slot in slots if slot.number not in good]
    return Outcome(
        batch=given.name,
        filled=sorted(good),
        open=[OpenSlot(slot=number, reason="failed", detail="no template fits") for number in missing],
    )


def _source(answer: Answer, batch: Batch) -> dict[str, object]:
    return {
        "source": "model",
        "model": answer.model,
        "batch": batch.name,
        "attempt": batch.tries,
        "simulated": answer.simulated,
    }


def _rows(items: dict[int, Item], source: Mapping[str, object]) -> list[Row]:
    return [{"slot": number, "item": item, "provenance": source} for number, item in sorted(items.items())]

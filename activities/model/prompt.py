"""The call that fills a batch: its messages, its body and its digest, for a run as for `check`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activities.model.batch_context import load_context, load_conversation
from activities.model.endpoints import Endpoints
from activities.model.request_body import build_body
from activities.store.duplicate_rounds import read_rejections
from activities.store.item_faults import read_item_faults
from activities.store.object_store import Store, hash_content
from activities.store.plan_file import OpenPlan
from quire.request import ModelChoice
from quire.slots import Batch, Slot
from recipes.base.recipe import BatchContext, Question
from recipes.base.schema_parts import is_strict


@dataclass(frozen=True)
class BatchCall:
    """A batch's call: its model, its body in the first mode of structured output, and what its prompt is built from."""

    model: ModelChoice
    body: dict[str, Any]
    slots: Sequence[Slot]
    context: BatchContext


async def build_batch_call(plan: OpenPlan, batch: Batch, earlier_batches: Sequence[str]) -> BatchCall:
    """Build the call that fills a batch. `earlier_batches` of its lane are read from the plan's store."""
    model = plan.request.generator.choose_for_step(batch.step)
    slots = [plan.slots[number - 1] for number in batch.slots]
    context = await load_context(plan.store, plan, slots, earlier_batches)
    messages = await _build_messages(plan, batch, slots, context, earlier_batches)
    schema = plan.recipe.item_schema(slots)
    body = build_body(
        model, messages, schema, len(slots), strictly=is_strict(schema), unlimited=batch.full, warmer=batch.avoid > 0
    )
    return BatchCall(model, body, slots, context)


def question_body(model: ModelChoice, question: Question) -> dict[str, Any]:
    """Return the body of a call that makes no items: planning and reviewing."""
    messages = [{"role": "system", "content": question.system}, {"role": "user", "content": question.task}]
    return build_body(model, messages, question.entry, question.count, strictly=is_strict(question.entry))


def call_digest(endpoints: Endpoints, model: ModelChoice, body: dict[str, Any], label: str) -> str:
    """Return the digest by which a call's answer is stored: of endpoint, model, all parameters, prompt and schema.

    `label`, such as the batch's name, is part of it: a batch that is sent again in the same words needs a new answer.
    """
    call = [endpoints.filed_address(model), label, body]
    return hash_content(json.dumps(call, sort_keys=True, ensure_ascii=False).encode())


async def _build_messages(
    plan: OpenPlan, batch: Batch, slots: Sequence[Slot], context: BatchContext, earlier_batches: Sequence[str]
) -> list[dict[str, str]]:
    """Return what all batches share first, so that caches hit; then the lane, the slots, and what went wrong before."""
    recipe = plan.recipe
    lane: list[dict[str, str]] = []
    if recipe.context_mode == "conversation":
        lane = await load_conversation(plan.store, plan, slots, earlier_batches)
    task = recipe.context_text(context) + recipe.task(slots, context) + await _retry_advice(plan.store, batch)
    return [{"role": "system", "content": recipe.system()}, *lane, {"role": "user", "content": task}]


async def _retry_advice(store: Store, batch: Batch) -> str:
    advice = ""
    if batch.tries > 1 or batch.avoid:  # for models that always give the same answer to the same words
        advice += f"\nThis is attempt {batch.tries + batch.avoid}."
    if batch.rejected_by and (faults := await read_item_faults(store, batch.rejected_by, batch.slots)):
        hints = [f"- slot {number}: {words}" for number, words in faults.items()]
        advice += "\nAn earlier answer was rejected. Mend this:\n" + "\n".join(hints)
    if batch.avoid:
        advice += "\nAn earlier answer was the same as what is there already. Make something else than:\n"
        advice += "\n".join(_items_to_avoid(batch, await read_rejections(store, batch.avoid)))
    return advice


def _items_to_avoid(batch: Batch, rejections: Mapping[int, Mapping[str, Any]]) -> list[str]:
    return [
        f"- slot {number}: {text}"
        for number in batch.slots
        for text in (rejections[number]["avoid"] if number in rejections else ())
    ]

"""The prompt of one batch: what its call sends, whether a run sends it or `check` shows it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activities.model.batch_context import around_of, turns
from activities.model.endpoints import Endpoints
from activities.model.request_body import body_of
from activities.store.batch_files import rejections
from activities.store.object_store import Store, digest
from activities.store.plan_file import OpenPlan
from quire.request import ModelChoice
from quire.slots import Batch, Slot
from recipes.base.recipe import Around, Question, strict


@dataclass(frozen=True)
class Sent:
    """One call: its model, its body in the first form, and what the recipe saw when it wrote the prompt."""

    model: ModelChoice
    body: dict[str, Any]
    slots: Sequence[Slot]
    around: Around


async def sent(plan: OpenPlan, batch: Batch, before: Sequence[str]) -> Sent:
    """The call that fills a batch; `before` names the batches of its lane that it reads from the plan's store."""
    model = plan.request.generator.instead(batch.step)
    slots = [plan.slots[number - 1] for number in batch.slots]
    around = await around_of(plan.store, plan, slots, before)
    messages = await _messages(plan, batch, slots, around, before)
    schema = plan.recipe.item_schema(slots)
    body = body_of(
        model, messages, schema, len(slots), strictly=strict(schema), unlimited=batch.full, warmer=batch.avoid > 0
    )
    return Sent(model, body, slots, around)


def asked(model: ModelChoice, question: Question) -> dict[str, Any]:
    """The body of a call that makes no items: planning and judging."""
    messages = [{"role": "system", "content": question.system}, {"role": "user", "content": question.task}]
    return body_of(model, messages, question.entry, question.count, strictly=strict(question.entry))


def filed(endpoints: Endpoints, model: ModelChoice, body: dict[str, Any], label: str) -> str:
    """The name under which the answer to this call is kept: endpoint, model, every parameter, prompt, schema.

    `label`, such as the batch's name, is part of it: a batch that is sent again in the same words wants a new answer.
    """
    return digest(json.dumps([endpoints.identity(model), label, body], sort_keys=True, ensure_ascii=False).encode())


async def _messages(
    plan: OpenPlan, batch: Batch, slots: Sequence[Slot], around: Around, before: Sequence[str]
) -> list[dict[str, str]]:
    """What is common to all batches first; then the lane so far; then the slots; then what went wrong before."""
    recipe = plan.recipe
    earlier = await turns(plan.store, plan, slots, before) if recipe.context == "conversation" else []
    task = recipe.recall(around) + recipe.task(slots, around) + await _advice(plan.store, batch)
    return [{"role": "system", "content": recipe.system()}, *earlier, {"role": "user", "content": task}]


async def _advice(store: Store, batch: Batch) -> str:
    said = ""
    if batch.tries > 1 or batch.avoid:  # a model that always answers the same to the same words must get others
        said += f"\nThis is attempt {batch.tries + batch.avoid}."
    if batch.hints:
        said += "\nAn earlier answer was rejected. Mend this:\n" + "\n".join(f"- {hint}" for hint in batch.hints)
    if batch.avoid:
        said += "\nAn earlier answer was the same as what is there already. Make something else than:\n"
        said += "\n".join(_twins(batch, await rejections(store, batch.avoid)))
    return said


def _twins(batch: Batch, found: Mapping[int, Mapping[str, Any]]) -> list[str]:
    return [
        f"- slot {number}: {text}"
        for number in batch.slots
        for text in (found[number]["avoid"] if number in found else ())
    ]

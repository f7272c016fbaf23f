"""The activity `assemble`: write the items of all filled slots, in slot order, in every requested format."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from activities.duplicates.diversity import DiversityMeter
from activities.heartbeats import count_heartbeat
from activities.output.formats import OUTPUT_FORMATS, open_artifact_writer
from activities.output.output_format import ArtifactContext, finish_item
from activities.report import page
from activities.report.ledger import LEDGER_KEY, open_ledger
from activities.store import plan_file
from activities.store.batch_files import Row
from activities.store.item_index import ItemIndex, open_item_index
from activities.store.object_store import REPORT_KEY, Store
from activities.store.plan_file import OpenPlan, PlanCache
from quire.contracts import AssembleInput, AssembleResult
from quire.progress import SHOWN_FAILURES, FailedSlot
from quire.request import Format
from quire.slots import Slot
from recipes.base.recipe import Item, Recipe

DIVERSITY_KEY = "report.diversity.json"
"""The key of the diversity figures, which `assemble` computes on its pass over the items and `verify` reports."""
OnSlot = Callable[[Slot, Row | None], Awaitable[None]]
"""Receives every slot in order, with its item; None if the slot is not filled."""


async def assemble_artifact(input: AssembleInput, plans: PlanCache) -> AssembleResult:
    """Write the artifact in every requested format, and the ledger. No artifact is written if no slot is filled."""
    plan = await plans.open_plan(input.job)
    store = plan.store
    index = await open_item_index(store)
    reasons = {slot.slot: f"{slot.reason}: {slot.detail}" if slot.detail else slot.reason for slot in input.failed}
    failed: list[FailedSlot] = []
    facts = {
        "verdict": input.verdict,
        "batches": input.planned_batches,
        "usage": input.usage.model_dump(),
        "simulated": input.simulated,
        "started": input.started,
    }
    diversity = DiversityMeter(plan, index)
    async with store.open_writer(LEDGER_KEY) as writer:
        ledger = await open_ledger(plan, index, writer)

        async def on_slot(slot: Slot, row: Row | None) -> None:
            reason = reasons.get(slot.number, "not filled") if row is None else None
            if reason is not None and len(failed) < SHOWN_FAILURES:
                failed.append(FailedSlot(slot=slot.key, reason=reason))
            diversity.add_slot(slot, row)
            await ledger.write_slot(slot, row, reason)

        addresses, warnings = await write_artifact(plan, index, store, facts, on_slot=on_slot)
    await store.put(DIVERSITY_KEY, json.dumps(diversity.compute_figures(), ensure_ascii=False).encode())
    return AssembleResult(
        artifact=next(iter(addresses.values()), None),
        artifacts=addresses,
        items=len(index),
        failed_slots=failed,
        warnings=[*input.warnings, *warnings],
    )


async def write_artifact(
    plan: OpenPlan,
    index: ItemIndex,
    store: Store,
    facts: Mapping[str, Any],
    *,
    into: str = "",
    on_slot: OnSlot | None = None,
) -> tuple[dict[Format, str], list[str]]:
    """Write every format, with keys below `into`, in one pass over the slots; return each format's address, and the
    warnings of the recipe's own check and of the formats.

    `facts` are what only the run knows: verdict, batches, usage, simulated, started. The same facts always give the
    same bytes.
    """
    recipe = plan.recipe
    has_outlines = type(recipe).outline is not Recipe.outline
    outlines: list[Item] = []
    formats = plan.request.output.formats if len(index) else ()
    metadata = _metadata(plan, facts, len(index))
    context = ArtifactContext(recipe, plan.slots, metadata, plan.store.workflow_id, facts.get("started"))
    async with open_artifact_writer(formats, context, store, into=into) as writer:
        for slot in plan.slots:
            row = await index.read_row(slot.number)
            count_heartbeat(slot.number)
            if on_slot is not None:
                await on_slot(slot, row)
            if row is not None:
                item = finish_item(recipe, slot, row, index.kept_duplicates)
                await writer.add_item(item)
                if has_outlines:
                    outlines.append(recipe.outline(item))
        warnings = await writer.end(outlines)
    addresses: dict[Format, str] = {name: store.address_of(into + OUTPUT_FORMATS[name].address) for name in formats}
    return addresses, [*recipe.problems(outlines), *warnings] if formats else []


def _metadata(plan: OpenPlan, facts: Mapping[str, Any], items: int) -> dict[str, Any]:
    return {
        **plan.recipe.metadata(),
        "method": "single" if facts["batches"] == 1 else "progressive",
        "total": items,
        "target": len(plan.slots),
        "verdict": facts["verdict"],
        "batches": facts["batches"],
        "model": plan.request.generator.name,
        "tokens": facts["usage"],
        "simulated": facts["simulated"],
    }


async def rebuild_artifact(store: Store) -> dict[Format, str]:
    """Write an ended run's artifact and page again from what the store holds, byte for byte, and return each format's
    address; without a report, write nothing."""
    plan, data = await plan_file.open_plan(store), await store.get(REPORT_KEY)
    if plan is None or data is None:
        return {}
    report = json.loads(data)
    facts = {
        "verdict": report["verdict"],
        "batches": report["batches"]["planned"],
        "usage": report["usage"],
        "simulated": report["simulated"],
        "started": report.get("started"),
    }
    addresses, _ = await write_artifact(plan, await open_item_index(store), store, facts)
    await page.write_page_to_store(plan, report)
    return addresses

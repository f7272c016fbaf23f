"""Bind the items of all filled slots, in slot order, and check what was bound."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jsonschema_rs
from temporalio import activity

from activities import formats, ledger, planfile
from activities.bound import Row, Shelf, open_shelf
from activities.diversity import Diversity
from activities.planfile import OpenPlan, Plans
from activities.store import Store
from quire.contracts import Assembled, AssembleInput, Verified, VerifyInput
from quire.progress import SHOWN_FAILURES, FailedSlot
from quire.slots import Slot
from recipes.spine import Item, Recipe

FIGURES = "report.diversity.json"
"""What the pass over all items tells of them, for the report."""
Seen = Callable[[Slot, Row | None], None]
"""Told of every slot in order, and of what fills it."""


async def assemble(given: AssembleInput, plans: Plans) -> Assembled:
    """Write the artifact in every form asked for; nothing is written where no slot was filled."""
    plan = await plans.read(given.job)
    store = plan.store
    shelf = await open_shelf(store)
    reasons = {slot.slot: f"{slot.reason}: {slot.detail}" if slot.detail else slot.reason for slot in given.failed}
    failed: list[FailedSlot] = []

    def missing(slot: Slot, row: Row | None) -> None:
        if row is None and len(failed) < SHOWN_FAILURES:
            failed.append(FailedSlot(slot=slot.key, reason=reasons.get(slot.number, "not filled")))

    facts = {
        "verdict": given.verdict,
        "batches": given.planned_batches,
        "usage": given.usage.model_dump(),
        "simulated": given.simulated,
    }
    diversity = Diversity(plan, shelf)
    async with store.writer(ledger.KEY) as sink:
        stories = ledger.Ledger(plan, shelf, reasons, sink)
        await stories.begin()
        where, problems = await bind(plan, shelf, store, facts, also=(missing, diversity.see), stories=stories)
    await store.put(FIGURES, json.dumps(diversity.figures(), ensure_ascii=False).encode())
    return Assembled(artifact=where, items=len(shelf), failed_slots=failed, warnings=[*given.warnings, *problems])


async def bind(
    plan: OpenPlan,
    shelf: Shelf,
    store: Store,
    facts: Mapping[str, Any],
    *,
    into: str = "",
    also: Sequence[Seen] = (),
    stories: ledger.Ledger | None = None,
) -> tuple[str | None, list[str]]:
    """Write every form, below `into`, in one pass over the slots; the first form's address, and what the recipe's own
    check says.

    `facts` are what only the run knows: verdict, batches, usage, simulated. The same facts give the same bytes. `also`
    and `stories` see every slot with its row.
    """
    recipe = plan.recipe
    outlined = type(recipe).outline is not Recipe.outline
    outlines: list[Item] = []
    kinds = plan.request.output.formats if len(shelf) else ()
    bound = formats.Bound(recipe, _metadata(plan, facts, len(shelf)), len(plan.slots))
    async with formats.opened(kinds, bound, store, into=into) as forms:
        for slot in plan.slots:
            row = await shelf.row(slot.number)
            _beat(slot.number)
            for see in also:
                see(slot, row)
            if stories is not None:
                await stories.tell(slot, row)
            if row is not None:
                item = finished(recipe, slot, row, shelf.kept)
                await forms.add(item)
                if outlined:
                    outlines.append(recipe.outline(item))
        await forms.end(recipe.sections(outlines))
    where = store.where(into + formats.ADDRESSES[kinds[0]]) if kinds else None
    return where, recipe.problems(outlines) if kinds else []


def finished(recipe: Recipe, slot: Slot, row: Row, kept: Mapping[int, Mapping[str, Any]]) -> Item:
    """The item as the artifact has it; `kept` is what is said of those that stay although they are like others."""
    provenance = {**row["provenance"], **kept.get(slot.number, {})}
    return {**recipe.finished(row["item"], slot), "provenance": provenance}


def _beat(number: int) -> None:
    if number % 200 == 0 and activity.in_activity():
        activity.heartbeat(number)


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


async def verify(given: VerifyInput, plans: Plans) -> Verified:
    """Read the artifact back and check count, ids, order and schema; write the report."""
    plan = await plans.read(given.job)
    store = plan.store
    problems: list[str] = []
    if given.result.artifact is not None:
        problems = await _check(plan, store, given.result.items)
    report = given.result.model_dump(mode="json") | {
        "problems": problems,
        "batch_states": given.batch_states,
        "batch_usage": {number: usage.model_dump() for number, usage in given.batch_usage.items()},
        "diversity": json.loads(await store.get(FIGURES) or b"[]"),
    }
    await store.put("report.json", json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n")
    return Verified(problems=problems)


async def _check(plan: OpenPlan, store: Store, expected: int) -> list[str]:
    kind = plan.recipe.checked_form(plan.request.output.formats)
    if kind is None:
        return []
    validator = jsonschema_rs.validator_for(plan.recipe.finished_schema(plan.slots), offline=True)
    problems: list[str] = []
    slots, count = iter(plan.slots), 0
    try:
        async for item in formats.read_back(kind, store, plan.recipe.noun):
            key = item.get("id", "")
            count += 1
            _beat(count)
            if not any(slot.key == key for slot in slots):  # those between are not filled
                known = any(slot.key == key for slot in plan.slots)
                problems.append(f"id {key!r} is {'there twice, or out of order' if known else 'unknown'}")
                slots = iter(plan.slots)
            elif not validator.is_valid(item):
                problems.append(f"{key} does not have the item's schema")
            if len(problems) >= 20:
                return problems
    except (ValueError, KeyError) as error:
        problems.append(f"the artifact cannot be read back: {error}")
    if count != expected:
        problems.append(f"the artifact holds {count} items, {expected} were bound")
    return problems


async def rebuild(store: Store) -> str | None:
    """Bind an ended run's artifact again from what the store holds, byte for byte; None where there is no report."""
    plan, report = await planfile.read(store), await store.get("report.json")
    if plan is None or report is None:
        return None
    said = json.loads(report)
    facts = {
        "verdict": said["verdict"],
        "batches": said["batches"]["planned"],
        "usage": said["usage"],
        "simulated": said["simulated"],
    }
    where, _ = await bind(plan, await open_shelf(store), store, facts)
    return where

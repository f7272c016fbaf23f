"""Bind the items of all filled slots, in slot order, and check what was bound."""

import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
from temporalio import activity

from activities import formats, ledger, planfile
from activities.bound import Shelf, open_shelf
from activities.diversity import diversity
from activities.formats import Bound
from activities.planfile import OpenPlan, Plans
from activities.store import Store
from quire.contracts import Assembled, AssembleInput, Verified, VerifyInput
from quire.progress import SHOWN_FAILURES, FailedSlot
from recipes.spine import Item


async def assemble(given: AssembleInput, plans: Plans) -> Assembled:
    """Write the artifact in every form asked for; nothing is written where no slot was filled."""
    plan = await plans.read(given.job)
    store = Store(given.job.store, given.job.workflow_id)
    shelf = await open_shelf(store)
    reasons = {slot.slot: f"{slot.reason}: {slot.detail}" if slot.detail else slot.reason for slot in given.failed}
    failed = [
        FailedSlot(slot=slot.key, reason=reasons.get(slot.number, "not filled"))
        for slot in plan.slots
        if slot.number not in shelf
    ]
    facts = {
        "verdict": given.verdict,
        "batches": given.planned_batches,
        "usage": given.usage.model_dump(),
        "simulated": given.simulated,
    }
    where, problems = await bind(plan, shelf, store, facts)
    await ledger.bind(store, plan, shelf, reasons)
    return Assembled(
        artifact=where,
        items=len(shelf),
        failed_slots=failed[:SHOWN_FAILURES],
        warnings=[*given.warnings, *problems],
    )


async def bind(
    plan: OpenPlan, shelf: Shelf, store: Store, facts: Mapping[str, Any], *, into: str = ""
) -> tuple[str | None, list[str]]:
    """Write every form, below `into`; the first one's address, and what the recipe's own check says.

    `facts` are what only the run knows: verdict, batches, usage, simulated. The same facts give the same bytes.
    """
    if not len(shelf):
        return None, []
    outlines = await _outlines(plan, shelf)
    metadata = _metadata(plan, facts, len(shelf))
    bound = Bound(plan, shelf, metadata, plan.recipe.sections(outlines), _beat)
    for kind in plan.request.output.formats:
        await formats.write(kind, bound, store, into=into)
    return store.where(into + formats.ADDRESSES[plan.request.output.formats[0]]), plan.recipe.problems(outlines)


async def _outlines(plan: OpenPlan, shelf: Shelf) -> list[Item]:
    bound = Bound(plan, shelf, {}, {}, _beat)
    return [plan.recipe.outline(item) async for item in bound.items()]


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
    """Read the artifact back and check count, ids and schema; write the report."""
    plan = await plans.read(given.job)
    store = Store(given.job.store, given.job.workflow_id)
    problems: list[str] = []
    if given.result.artifact is not None:
        problems = await _check(plan, store, given.result.items)
    figures = await diversity(plan, await open_shelf(store))
    report = given.result.model_dump(mode="json") | {
        "problems": problems,
        "batch_states": given.batch_states,
        "batch_usage": {number: usage.model_dump() for number, usage in given.batch_usage.items()},
        "diversity": figures,
    }
    await store.put("report.json", json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n")
    return Verified(problems=problems)


async def _check(plan: OpenPlan, store: Store, expected: int) -> list[str]:
    known = {slot.key for slot in plan.slots}
    validator = jsonschema_rs.validator_for(plan.recipe.finished_schema(plan.slots), offline=True)
    ids: set[str] = set()
    problems: list[str] = []
    kind = plan.recipe.checked_form(plan.request.output.formats)
    if kind is None:
        return []
    async for item in formats.read_back(kind, store, plan.recipe.noun):
        key = item.get("id", "")
        _beat(len(ids))
        if key not in known or key in ids:
            problems.append(f"id {key!r} is {'there twice' if key in ids else 'unknown'}")
        elif not validator.is_valid(item):
            problems.append(f"{key} does not have the item's schema")
        ids.add(key)
    if len(ids) != expected:
        problems.append(f"the artifact holds {len(ids)} items, {expected} were bound")
    return problems[:20]


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

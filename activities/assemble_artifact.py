"""Bind the items of all filled slots, in slot order, in every form that the request asks for."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from temporalio import activity

from activities.duplicates.diversity import Diversity
from activities.output import formats
from activities.output.output_format import Bound
from activities.report import ledger, page
from activities.report.slot_accounts import Accounts
from activities.report.spool_handover import Pages, run_of
from activities.report.spooled_rows import Gathered
from activities.store import plan_file
from activities.store.batch_files import Row, Shelf, open_shelf
from activities.store.object_store import Store
from activities.store.plan_file import OpenPlan, Plans
from quire.contracts import Assembled, AssembleInput
from quire.progress import SHOWN_FAILURES, FailedSlot
from quire.request import Format
from quire.slots import Slot
from recipes.base.recipe import Item, Recipe

FIGURES = "report.diversity.json"
"""What the pass over all items tells of them, for the report."""
Seen = Callable[[Slot, Row | None], Awaitable[None]]
"""Told of every slot in order, and of what fills it."""


async def assemble(given: AssembleInput, plans: Plans, pages: Pages) -> Assembled:
    """Write the artifact in every form asked for; nothing is written where no slot was filled. The report's rows are
    gathered by the way, for `verify`."""
    plan = await plans.read(given.job)
    store = plan.store
    shelf = await open_shelf(store)
    reasons = {slot.slot: f"{slot.reason}: {slot.detail}" if slot.detail else slot.reason for slot in given.failed}
    failed: list[FailedSlot] = []
    rows = Gathered(plan, await ledger.twins_of(store))
    facts = {
        "verdict": given.verdict,
        "batches": given.planned_batches,
        "usage": given.usage.model_dump(),
        "simulated": given.simulated,
        "started": given.started,
    }
    diversity = Diversity(plan, shelf)
    async with store.writer(ledger.KEY) as sink:
        accounts = Accounts(plan, shelf, rows, sink)
        await accounts.begin()

        async def seen(slot: Slot, row: Row | None) -> None:
            reason = reasons.get(slot.number, "not filled") if row is None else None
            if reason is not None and len(failed) < SHOWN_FAILURES:
                failed.append(FailedSlot(slot=slot.key, reason=reason))
            diversity.see(slot, row)
            await accounts.tell(slot, row, reason)

        forms, problems = await bind(plan, shelf, store, facts, seen=seen)
    await rows.end()
    pages.keep(run_of(), rows)
    await store.put(FIGURES, json.dumps(diversity.figures(), ensure_ascii=False).encode())
    return Assembled(
        artifact=next(iter(forms.values()), None),
        artifacts=forms,
        items=len(shelf),
        failed_slots=failed,
        warnings=[*given.warnings, *problems],
    )


async def bind(
    plan: OpenPlan,
    shelf: Shelf,
    store: Store,
    facts: Mapping[str, Any],
    *,
    into: str = "",
    seen: Seen | None = None,
) -> tuple[dict[Format, str], list[str]]:
    """Write every form, below `into`, in one pass over the slots; each form's address, and what the recipe's own check
    and the forms say.

    `facts` are what only the run knows: verdict, batches, usage, simulated, started. The same facts give the same
    bytes. `seen` is told of every slot.
    """
    recipe = plan.recipe
    outlined = type(recipe).outline is not Recipe.outline
    outlines: list[Item] = []
    kinds = plan.request.output.formats if len(shelf) else ()
    async with formats.opened(kinds, _bound(plan, facts, len(shelf)), store, into=into) as forms:
        for slot in plan.slots:
            row = await shelf.row(slot.number)
            _beat(slot.number)
            if seen is not None:
                await seen(slot, row)
            if row is not None:
                item = finished(recipe, slot, row, shelf.kept)
                await forms.add(item)
                if outlined:
                    outlines.append(recipe.outline(item))
        said = await forms.end(outlines)
    where: dict[Format, str] = {kind: store.where(into + formats.FORMS[kind].address) for kind in kinds}
    return where, [*recipe.problems(outlines), *said] if kinds else []


def _bound(plan: OpenPlan, facts: Mapping[str, Any], items: int) -> Bound:
    metadata = _metadata(plan, facts, items)
    return Bound(plan.recipe, plan.slots, metadata, plan.store.workflow_id, facts.get("started"))


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


async def rebuild(store: Store) -> dict[Format, str]:
    """Bind an ended run's artifact again from what the store holds, byte for byte; nothing where there is no report."""
    plan, report = await plan_file.read(store), await store.get("report.json")
    if plan is None or report is None:
        return {}
    said = json.loads(report)
    facts = {
        "verdict": said["verdict"],
        "batches": said["batches"]["planned"],
        "usage": said["usage"],
        "simulated": said["simulated"],
        "started": said.get("started"),
    }
    where, _ = await bind(plan, await open_shelf(store), store, facts)
    await page.write_to_store(plan, said)
    return where

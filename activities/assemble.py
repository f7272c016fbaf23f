"""Bind the items of all filled slots, in slot order, and check what was bound."""

import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import jsonschema_rs
from temporalio import activity

from activities.bound import Shelf, open_shelf
from activities.planfile import OpenPlan, Plans
from activities.store import Store
from quire.contracts import Assembled, AssembleInput, Verified, VerifyInput
from quire.progress import SHOWN_FAILURES, FailedSlot
from recipes.spine import Item

_FORMATS = {"json": "artifact.json", "jsonl": "artifact.jsonl"}


async def assemble(given: AssembleInput, plans: Plans) -> Assembled:
    """Write the artifact in every format asked for, streamed; nothing is written where no slot was filled."""
    plan = await plans.read(given.job)
    store = Store(given.job.store, given.job.workflow_id)
    shelf = await open_shelf(store)
    missing = [slot for slot in plan.slots if slot.number not in shelf]
    reasons = {slot.slot: f"{slot.reason}: {slot.detail}" if slot.detail else slot.reason for slot in given.failed}
    failed = [FailedSlot(slot=slot.key, reason=reasons.get(slot.number, "not filled")) for slot in missing]
    where: str | None = None
    sections: dict[str, Any] = {}
    if len(shelf):
        brief = [item async for item in _items(plan, shelf, brief=True)]
        sections = plan.recipe.sections(brief)
        head = _metadata(given, plan, len(shelf))
        for kind in plan.request.output.formats:
            chunks = _json(plan, shelf, head, sections) if kind == "json" else _jsonl(plan, shelf)
            await store.write(_FORMATS[kind], chunks)
        where = store.where(_FORMATS[plan.request.output.formats[0]])
    warnings = [*given.warnings, *plan.recipe.problems(sections)] if sections else list(given.warnings)
    return Assembled(artifact=where, items=len(shelf), failed_slots=failed[:SHOWN_FAILURES], warnings=warnings)


def _metadata(given: AssembleInput, plan: OpenPlan, items: int) -> dict[str, Any]:
    return {
        **plan.recipe.metadata(),
        "method": "single" if given.planned_batches == 1 else "progressive",
        "total": items,
        "target": len(plan.slots),
        "verdict": given.verdict,
        "batches": given.planned_batches,
        "model": plan.request.model.name,
        "tokens": given.usage.model_dump(),
        "simulated": given.simulated,
    }


async def _items(plan: OpenPlan, shelf: Shelf, *, brief: bool = False) -> AsyncIterator[Item]:
    """Finished items in slot order; brief ones carry only what the sections are made of."""
    for slot in plan.slots:
        row = await shelf.row(slot.number)
        if row is None:
            continue
        if slot.number % 200 == 0 and activity.in_activity():
            activity.heartbeat(slot.number)
        item = plan.recipe.finished(row["item"], slot)
        yield plan.recipe.outline(item) if brief else {**item, "provenance": row["provenance"]}


async def _jsonl(plan: OpenPlan, shelf: Shelf) -> AsyncIterator[bytes]:
    async for item in _items(plan, shelf):
        yield json.dumps(item, ensure_ascii=False).encode() + b"\n"


async def _json(plan: OpenPlan, shelf: Shelf, head: dict[str, Any], sections: dict[str, Any]) -> AsyncIterator[bytes]:
    yield b'{\n"metadata": ' + _dump(head) + b',\n"' + plan.recipe.noun.encode() + b'": [\n'
    first = True
    async for item in _items(plan, shelf):
        yield (b"" if first else b",\n") + _dump(item)
        first = False
    yield (
        b"\n]" + b"".join(b',\n"' + name.encode() + b'": ' + _dump(part) for name, part in sections.items()) + b"\n}\n"
    )


def _dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()


async def verify(given: VerifyInput, plans: Plans) -> Verified:
    """Read the artifact back and check count, ids and schema; write the report."""
    plan = await plans.read(given.job)
    store = Store(given.job.store, given.job.workflow_id)
    problems: list[str] = []
    if given.result.artifact is not None:
        kind = plan.request.output.formats[0]
        data = await store.get(_FORMATS[kind]) or b""
        items = _read_back(kind, data, plan.recipe.noun)
        problems = _check(items, plan, given.result.items)
    report = given.result.model_dump(mode="json") | {"problems": problems}
    await store.put("report.json", json.dumps(report, ensure_ascii=False, indent=1).encode() + b"\n")
    return Verified(problems=problems)


def _read_back(kind: str, data: bytes, noun: str) -> list[Item]:
    if kind == "json":
        return json.loads(data)[noun]
    return [json.loads(row) for row in data.splitlines()]


def _check(items: Iterable[Item], plan: OpenPlan, expected: int) -> list[str]:
    by_key = {slot.key: slot for slot in plan.slots}
    validator = jsonschema_rs.validator_for(plan.recipe.item_schema(plan.slots), offline=True)
    ids: set[str] = set()
    problems: list[str] = []
    count = 0
    for item in items:
        count += 1
        key = item.get("id", "")
        slot = by_key.get(key)
        if slot is None or key in ids:
            problems.append(f"id {key!r} is {'there twice' if key in ids else 'unknown'}")
            continue
        ids.add(key)
        made = {"slot": slot.number, **{k: v for k, v in item.items() if k not in ("id", "provenance")}}
        if not validator.is_valid(made):
            problems.append(f"{key} does not have the item's schema")
    if count != expected:
        problems.append(f"the artifact holds {count} items, {expected} were bound")
    return problems[:20]

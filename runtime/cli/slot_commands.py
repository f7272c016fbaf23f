"""`snapshot`, `failed` and `explain`: a run's items so far, its missing slots, and all attempts at one slot."""

import json as json_codec
from bisect import bisect_left
from itertools import accumulate
from typing import Annotated, Any

from cyclopts import Parameter

from activities.assemble_artifact import write_artifact
from activities.report.call_notes import group_by_slot, open_call_notes
from activities.report.ledger import LEDGER_KEY, build_entry, read_duplicates
from activities.store.item_index import open_item_index
from activities.store.object_store import REPORT_KEY
from activities.store.plan_file import OpenPlan
from quire.commands import starter_command
from runtime import logs
from runtime.cli.app import Json, RunId
from runtime.errors import SetupError
from runtime.temporal.connection import open_connection
from runtime.temporal.runs import attach_run, fetch_request, fetch_run_state, is_live, open_run_plan
from runtime.text import console
from runtime.text.wording import make_printable


async def snapshot(id: RunId, /) -> int:
    """Assemble the items that exist so far, in the folder snapshot/ of the run's store. The run continues."""
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await attach_run(connection.client, id)
        plan = await open_run_plan((await fetch_request(connection.client, handle)).output.store, handle.id)
        state = await fetch_run_state(handle)
        started = (await handle.describe()).start_time
    index = await open_item_index(plan.store)
    facts = {
        "verdict": state.get("verdict") or "partial",
        "batches": state.get("batches", {}).get("planned", 0),
        "usage": state.get("usage", {}),
        "simulated": state.get("simulated", False),
        "started": started.isoformat(timespec="seconds"),
    }
    files, problems = await write_artifact(plan, index, plan.store, facts, into="snapshot/")
    if not files:
        raise SetupError(f"run {handle.id} has no items yet")
    for address in files.values():
        print(f"{address}: {len(index):,} of {len(plan.slots):,} {plan.recipe.noun}")
    for problem in problems:
        console.print_note(f"warning: {problem}")
    return 0


async def failed(id: RunId, /, *, json: Json = False) -> int:
    """List every missing slot of an ended run, with its reason."""
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await attach_run(connection.client, id)
        id = handle.id
        if await is_live(handle):
            raise SetupError(f"run {id} has not ended; see its progress with: {starter_command('status', id)}")
        store = (await open_run_plan((await fetch_request(connection.client, handle)).output.store, id)).store
    if not await store.has_file(REPORT_KEY):
        raise SetupError(f"run {id} ended without a report; continue it with: {starter_command('resume', id)}")
    missing = 0
    async for line in store.read_lines(LEDGER_KEY):
        entry = json_codec.loads(line)
        if entry["verdict"] != "failed":
            continue
        missing += 1
        row = {"slot": entry["slot"], "reason": entry["reason"]}
        print(console.format_json(row) if json else make_printable(f"{row['slot']}: {row['reason']}"))
    if not missing:
        console.print_note(f"run {id} has no missing slot")
    return 0


async def explain(
    id: RunId,
    slot: Annotated[str, Parameter(help="the slot's id, such as OQ-007, or its number")],
    /,
    *,
    json: Json = False,
) -> int:
    """Show all attempts at one slot: result, tokens, duplicates, and where its item came from."""
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await attach_run(connection.client, id)
        plan = await open_run_plan((await fetch_request(connection.client, handle)).output.store, handle.id)
        state = await fetch_run_state(handle)
    number = _find_slot_number(plan, slot)
    planned = plan.slots[number - 1]
    index = await open_item_index(plan.store)
    batch = bisect_left(list(accumulate(plan.sizes)), number) + 1
    notes = await open_call_notes(plan.store, index)
    attempts = group_by_slot(await notes.read_notes(batch)).get(number, [])
    duplicates = (await read_duplicates(plan.store)).get(number, [])
    reason = _explain_empty_slot(state, planned.key)
    entry = build_entry(planned, await index.read_row(number), attempts, duplicates, reason)
    if json:
        console.print_json(entry)
    else:
        print("\n".join(_format_entry(entry)))
    return 0


def _find_slot_number(plan: OpenPlan, text: str) -> int:
    """Return the number of the slot with this id or number. Raises SetupError if there is none."""
    number = next((slot.number for slot in plan.slots if slot.key == text), None)
    if number is None and text.isdecimal() and 1 <= int(text) <= len(plan.slots):
        return int(text)
    if number is None:
        first, last = plan.slots[0].key, plan.slots[-1].key
        raise SetupError(f"there is no slot '{text}'; the slots are {first} to {last}")
    return number


def _explain_empty_slot(state: dict[str, Any], key: str) -> str:
    """Return why a slot is empty, if it is: the reason in the run's result, else that it is not filled."""
    reasons = {failed["slot"]: failed["reason"] for failed in state.get("failed_slots", [])}
    return reasons.get(key, "not filled yet" if state.get("verdict") is None else "not filled")


def _format_entry(entry: dict[str, Any]) -> list[str]:
    """Return the lines that show a slot's ledger entry to a person."""
    origin = f"from {entry['source']} {entry['model'] or ''}".rstrip() if entry["source"] else entry["reason"]
    lines = [f"{entry['slot']}: {entry['verdict']}, {origin}", f"  brief     {entry['brief']}"]
    for attempt in entry["attempts"]:
        tokens = attempt["tokens"]
        spent = f"{tokens['prompt_tokens']:,} tokens in, {tokens['completion_tokens']:,} out"
        notes = [name for name in ("estimated", "reused", "hedge") if attempt[name]]
        lines.append(
            f"  batch {attempt['batch']}, try {attempt['try']}, {attempt['model']}: {attempt['came_to']} "
            f"({attempt['finish_reason']}, {attempt['slots_in_call']} slots in the call, {spent}, "
            f"{attempt['seconds']} s{', ' if notes else ''}{', '.join(notes)})"
        )
    for duplicate in entry["duplicate_of"]:
        lines.append(f"  round {duplicate['round']}: rejected as a duplicate of {duplicate['of']}")
    return lines if len(lines) > 2 else [*lines, "  no call for it has been answered"]

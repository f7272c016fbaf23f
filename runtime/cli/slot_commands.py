"""What the store tells of a run: a slot's story, what is there now, whether it can be made longer."""

from bisect import bisect_left
from itertools import accumulate
from typing import Annotated, Any

from cyclopts import Parameter

from activities.assemble_artifact import bind
from activities.report import ledger
from activities.store import plan_file
from activities.store.batch_files import open_shelf
from activities.store.object_store import Store
from activities.store.plan_file import OpenPlan
from quire.request import Request
from recipes.base.recipe import InputError
from recipes.longer import longer
from runtime import logs
from runtime.cli.app import Id, Json, command
from runtime.errors import SetupError
from runtime.temporal.connection import connected
from runtime.temporal.runs import Handle, attach, request_of, state_of
from runtime.text import console


@command
async def snapshot(id: Id, /) -> int:
    """Bind what is there now, under snapshot/ beside where the artifact will be. The run goes on."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        store, plan = await _opened(await request_of(connection.client, handle), handle.id)
        said = await state_of(handle)
        started = (await handle.describe()).start_time
    shelf = await open_shelf(store)
    facts = {
        "verdict": said.get("verdict") or "partial",
        "batches": said.get("batches", {}).get("planned", 0),
        "usage": said.get("usage", {}),
        "simulated": said.get("simulated", False),
        "started": started.isoformat(timespec="seconds"),
    }
    forms, problems = await bind(plan, shelf, store, facts, into="snapshot/")
    if not forms:
        raise SetupError(f"nothing of run {handle.id} is there yet")
    for where in forms.values():
        print(f"{where}: {len(shelf)} of {len(plan.slots)} {plan.recipe.noun}")
    for problem in problems:
        console.note(f"warning: {problem}")
    return 0


@command
async def explain(
    id: Id, slot: Annotated[str, Parameter(help="the slot's id, such as OQ-007, or its number")], /, *,
    json: Json = False,
) -> int:  # fmt: skip
    """Tell a slot's story: attempts, what came of each, tokens, twins, where its item came from."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        store, plan = await _opened(await request_of(connection.client, handle), handle.id)
        reason = await _reason(handle, slot)
    number = _number(plan, slot)
    shelf = await open_shelf(store)
    root = bisect_left(list(accumulate(plan.sizes)), number) + 1
    calls = ledger.Calls(store, shelf)
    await calls.begin()
    attempts = await calls.of(root)
    twins = (await ledger.twins_of(store)).get(number, [])
    story = ledger.entry(plan.slots[number - 1], await shelf.row(number), attempts.get(number, []), twins, reason)
    if json:
        console.print_json(story)
    else:
        print("\n".join(_lines(story)))
    return 0


async def can_be_longer(request: Request, id: str, more: int) -> None:
    """Raise SetupError where a run's plan cannot have so many slots more."""
    known = await plan_file.laid(Store(request.output.store, id))
    if known is None:
        raise SetupError(f"the store does not hold the plan of run {id}")
    try:
        longer(known, more)
    except InputError as error:
        raise SetupError(str(error)) from None


async def _opened(request: Request, id: str) -> tuple[Store, OpenPlan]:
    store = Store(request.output.store, id)
    plan = await plan_file.read(store)
    if plan is None:
        raise SetupError(f"{store.where(plan_file.KEY)} is missing: the store does not hold this run, or not yet")
    return store, plan


def _number(plan: OpenPlan, said: str) -> int:
    found = next((slot.number for slot in plan.slots if slot.key == said), None)
    if found is None and said.isdecimal() and 1 <= int(said) <= len(plan.slots):
        return int(said)
    if found is None:
        first, last = plan.slots[0].key, plan.slots[-1].key
        raise SetupError(f"there is no slot '{said}'; they are {first} to {last}")
    return found


async def _reason(handle: Handle, slot: str) -> str:
    """Why a slot of an ended run is empty; what is still open in a live one."""
    said = await state_of(handle)
    reasons = {failed["slot"]: failed["reason"] for failed in said.get("failed_slots", [])}
    return reasons.get(slot, "not filled yet" if said.get("verdict") is None else "not filled")


def _lines(story: dict[str, Any]) -> list[str]:
    """The same for a person."""
    ending = f"from {story['source']} {story['model'] or ''}".rstrip() if story["source"] else story["reason"]
    said = [f"{story['slot']}: {story['verdict']}, {ending}", f"  brief     {story['brief']}"]
    for attempt in story["attempts"]:
        tokens = attempt["tokens"]
        spent = f"{tokens['prompt_tokens']} tokens in, {tokens['completion_tokens']} out"
        notes = [name for name in ("estimated", "reused", "hedge") if attempt[name]]
        said.append(
            f"  batch {attempt['batch']}, try {attempt['try']}, {attempt['model']}: {attempt['came_to']} "
            f"({attempt['finish_reason']}, {attempt['slots_in_call']} slots in the call, {spent}, "
            f"{attempt['seconds']} s{', ' if notes else ''}{', '.join(notes)})"
        )
    for twin in story["duplicate_of"]:
        said.append(f"  round {twin['round']}: rejected as a duplicate of {twin['of']}")
    return said if len(said) > 2 else [*said, "  no call for it has come back"]

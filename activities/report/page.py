"""Write `report.html` in one pass over the store: what the browser shows first, and the rows that it unpacks later."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from temporalio import activity

from activities import ledger
from activities.bound import Shelf, open_shelf
from activities.ledger import Attempt, Calls
from activities.planfile import OpenPlan
from activities.report import KEY, facts, template
from activities.report.blocks import Blocks, Sink
from activities.report.counts import Counts
from activities.report.slots import Reasons, row_of
from activities.store import StoreError

_BEAT = 200
Said = Mapping[str, Any]
"""What the run says of itself: `report.json`, or progress while it lasts; empty where only the store is known."""


async def write(plan: OpenPlan, said: Said, sink: Sink) -> None:
    """The page of a run, live or ended; nothing of it is held but counts."""
    await sink.write(template.head(f"{plan.store.workflow_id}: {said.get('verdict') or 'live'}").encode())
    await sink.write(template.body(await gathered(plan, said, sink)).encode())


async def gathered(plan: OpenPlan, said: Said, sink: Sink | None = None) -> dict[str, Any]:
    """The page's figures, by the same pass that writes its rows to a sink."""
    ended = bool(said.get("verdict"))
    counts = Counts(plan)
    twins = await ledger.twins_of(plan.store)
    await _rows(plan, sink, counts, twins, ended=ended)
    return facts.gathered(plan, said, counts, twins, None if ended else datetime.now(UTC))


async def write_to_store(plan: OpenPlan, said: Said) -> str:
    """The same beside the artifact; its address."""
    async with plan.store.writer(KEY) as sink:
        await write(plan, said, sink)
    return plan.store.where(KEY)


async def left_beside(plan: OpenPlan, said: Said) -> list[str]:
    """The same at a run's end: what is wrong with the page is told, and no reason for an artifact to be lost."""
    try:
        await write_to_store(plan, said)
    except Exception as error:
        activity.logger.warning("report.html", exc_info=error)
        with suppress(StoreError):
            await plan.store.remove(KEY)  # an older one would tell of another end
        why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
        again = f"uv run starter.py report {plan.store.workflow_id}"
        return [f"report.html was not written ({why}); write it with: {again}"]
    return []


async def _rows(
    plan: OpenPlan, sink: Sink | None, counts: Counts, twins: Mapping[int, list[dict[str, Any]]], *, ended: bool
) -> None:
    """Every call and every slot, planned batch by planned batch."""
    shelf = await open_shelf(plan.store)
    notes = Calls(plan.store, shelf)
    await notes.begin()
    calls, slots = Blocks(sink, "calls"), Blocks(sink, "slots")
    reasons = Reasons(plan.store, ended=ended)
    first = 1
    for root, last in enumerate(accumulate(plan.sizes), 1):
        made = await notes.notes(root)
        counts.reach(first)
        for index, call in enumerate(made):
            counts.call(call, first=not index)
            await calls.add(_call(call))
        await _slots(range(first, last + 1), shelf, counts, slots, reasons, ledger.by_slot(made), twins)
        first = last + 1
    await calls.end()
    await slots.end()


async def _slots(
    numbers: range,
    shelf: Shelf,
    counts: Counts,
    blocks: Blocks,
    reasons: Reasons,
    attempts: Mapping[int, list[Attempt]],
    twins: Mapping[int, list[dict[str, Any]]],
) -> None:
    plan = counts.plan
    for number in numbers:
        _beat(number)
        slot, found = plan.slots[number - 1], await shelf.row(number)
        counts.reach(number)
        reason = await reasons.next(wanted=found is None)
        met = twins.get(number, ())
        row = row_of(plan.recipe, slot, found, reason, attempts.get(number, ()), met)
        counts.slot(slot, row, found, len(met))
        await blocks.add(row | {"group": counts.part})


def _call(call: Attempt) -> list[Any]:
    """A call as the charts read it; its first three entries are when it began, how long it took and its batch."""
    tokens = call["tokens"]
    why: dict[str, int] = {}
    for said in call["open"].values():
        name = str(said).partition(":")[0]
        why[name] = why.get(name, 0) + 1
    return [
        datetime.fromisoformat(call["began"]).timestamp(),
        call["seconds"],
        call["batch"],
        call["try"],
        call.get("sent", 1),
        len(call["filled"]),
        why,
        call["finish_reason"],
        tokens.get("prompt_tokens", 0),
        tokens.get("cached_tokens", 0),
        tokens.get("completion_tokens", 0),
        tokens.get("reasoning_tokens", 0),
        call["cost_usd"],
        call["reused"],
        call["hedge"],
        call["model"],
    ]


def _beat(number: int) -> None:
    if number % _BEAT == 0 and activity.in_activity():
        activity.heartbeat(number)

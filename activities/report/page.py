"""Write `report.html` in one pass over the store: what the browser shows first, and the rows that it unpacks later."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from activities.output.output_format import poured
from activities.report import KEY, ledger, page_values, template
from activities.report.page_rows import Rows
from activities.report.slot_accounts import Accounts
from activities.report.slot_rows import Reasons
from activities.report.spooled_rows import Gathered
from activities.store.batch_files import open_shelf
from activities.store.object_store import Sink, StoreError
from activities.store.plan_file import OpenPlan

_BEAT = 200
Said = Mapping[str, Any]
"""What the run says of itself: `report.json`, or progress while it lasts; empty where only the store is known."""


async def write(plan: OpenPlan, said: Said, sink: Sink, rows: Gathered | None = None) -> None:
    """The page of a run, live or ended; nothing of it is held but counts. `rows`: those that are gathered already."""
    await sink.write(template.head(f"{plan.store.workflow_id}: {said.get('verdict') or 'live'}").encode())
    if rows is not None:
        with rows.packed as packed:
            await poured(packed, sink)
    await sink.write(template.body(await gathered(plan, said, sink, rows)).encode())


async def gathered(plan: OpenPlan, said: Said, sink: Sink | None = None, rows: Rows | None = None) -> dict[str, Any]:
    """The page's figures; where the rows are not gathered, by the same pass that writes those to a sink."""
    ended = bool(said.get("verdict"))
    if rows is None:
        rows = Rows(plan, await ledger.twins_of(plan.store), sink)
        await _through(plan, rows, ended=ended)
    return page_values.gathered(plan, said, rows.counts, rows.twins, None if ended else datetime.now(UTC))


async def write_to_store(plan: OpenPlan, said: Said, rows: Gathered | None = None) -> str:
    """The same beside the artifact; its address."""
    async with plan.store.writer(KEY) as sink:
        await write(plan, said, sink, rows)
    return plan.store.where(KEY)


async def left_beside(plan: OpenPlan, said: Said, rows: Gathered | None) -> list[str]:
    """The same at a run's end: what is wrong with the page is told, and no reason for an artifact to be lost."""
    try:
        await write_to_store(plan, said, rows)
    except Exception as error:
        activity.logger.warning("report.html", exc_info=error)
        with suppress(StoreError):
            await plan.store.remove(KEY)  # an older one would tell of another end
        why = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
        again = f"uv run starter.py report {plan.store.workflow_id}"
        return [f"report.html was not written ({why}); write it with: {again}"]
    return []


async def _through(plan: OpenPlan, rows: Rows, *, ended: bool) -> None:
    """Tell the rows of every call and every slot."""
    shelf = await open_shelf(plan.store)
    accounts, reasons = Accounts(plan, shelf, rows), Reasons(plan.store, ended=ended)
    await accounts.begin()
    for slot in plan.slots:
        _beat(slot.number)
        row = await shelf.row(slot.number)
        await accounts.tell(slot, row, await reasons.next(wanted=row is None))
    await rows.end()


def _beat(number: int) -> None:
    if number % _BEAT == 0 and activity.in_activity():
        activity.heartbeat(number)

"""Write `report.html` in one pass over the store: the rows for the browser, then the figures and the scripts."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from temporalio import activity

from activities.heartbeats import count_heartbeat
from activities.report import PAGE_KEY, page_values, template
from activities.report.call_notes import SlotAttempts, open_call_notes
from activities.report.ledger import read_duplicates
from activities.report.page_rows import PageRows
from activities.report.slot_rows import EmptySlotReasons
from activities.store.item_index import open_item_index
from activities.store.object_store import Sink, StoreError
from activities.store.plan_file import OpenPlan
from quire.commands import starter_command

Report = Mapping[str, Any]
"""The content of `report.json`; of a live run its progress; empty if only the store is known."""


async def write_page(plan: OpenPlan, report: Report, sink: Sink) -> None:
    """Write the page of a live or an ended run; only totals stay in memory."""
    await sink.write(template.render_head(f"{plan.store.workflow_id}: {report.get('verdict') or 'live'}").encode())
    await sink.write(template.render_body(await gather_values(plan, report, sink)).encode())


async def gather_values(plan: OpenPlan, report: Report, sink: Sink | None = None) -> dict[str, Any]:
    """Return the page's values, and write its rows to the sink in the same pass over the store."""
    ended = bool(report.get("verdict"))
    rows = PageRows(plan, await read_duplicates(plan.store), sink)
    await _add_all_rows(plan, rows, ended=ended)
    now = None if ended else datetime.now(UTC)
    return page_values.build_page_values(plan, report, rows.totals, rows.duplicates, now)


async def write_page_to_store(plan: OpenPlan, report: Report) -> str:
    """Write the page into the run's store and return its address."""
    async with plan.store.open_writer(PAGE_KEY) as writer:
        await write_page(plan, report, writer)
    return plan.store.address_of(PAGE_KEY)


async def try_to_write_page(plan: OpenPlan, report: Report) -> list[str]:
    """Write the page at a run's end and return warnings: a page that cannot be written must not fail the run."""
    try:
        await write_page_to_store(plan, report)
    except Exception as error:
        activity.logger.warning("report.html", exc_info=error)
        with suppress(StoreError):
            await plan.store.delete(PAGE_KEY)  # an older page would show another end of the run
        reason = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
        command = starter_command("report", plan.store.workflow_id)
        return [f"report.html was not written ({reason}); write it with: {command}"]
    return []


async def _add_all_rows(plan: OpenPlan, rows: PageRows, *, ended: bool) -> None:
    """Add every call and every slot of the run, in plan order."""
    index = await open_item_index(plan.store)
    attempts = SlotAttempts(plan, await open_call_notes(plan.store, index), rows.add_calls)
    reasons = EmptySlotReasons(plan.store, ended=ended)
    for slot in plan.slots:
        count_heartbeat(slot.number)
        row = await index.read_row(slot.number)
        reason = await reasons.read_next(is_empty=row is None)
        await rows.add_slot(slot, row, reason, await attempts.read_attempts(slot))
    await rows.finish()

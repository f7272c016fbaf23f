"""The page's rows, one per call and one per slot, and the totals of a run, which are counted on the way."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from activities.report.call_notes import CallNote, SlotAttempt
from activities.report.ledger import Duplicates
from activities.report.packed_blocks import PackedBlocks
from activities.report.slot_rows import build_row
from activities.report.totals import RunTotals
from activities.store.batch_files import Row
from activities.store.object_store import Sink
from activities.store.plan_file import OpenPlan
from quire.slots import Slot


class PageRows:
    """Writes a row for each call of a planned batch, then for each slot of it; only totals stay in memory.

    Without a sink the rows are only counted.
    """

    def __init__(self, plan: OpenPlan, duplicates: Duplicates, sink: Sink | None) -> None:
        self.totals, self.duplicates = RunTotals(plan), duplicates
        self._recipe = plan.recipe
        self._calls, self._slots = PackedBlocks(sink, "calls"), PackedBlocks(sink, "slots")

    async def add_calls(self, first_slot: int, notes: Sequence[CallNote]) -> None:
        """Add the calls for the next planned batch, which starts with this slot."""
        self.totals.enter_group(first_slot)
        for index, note in enumerate(notes):
            self.totals.add_call(note, is_first=index == 0)
            await self._calls.add_row(_build_call_row(note))

    async def add_slot(self, slot: Slot, row: Row | None, reason: str | None, attempts: Sequence[SlotAttempt]) -> None:
        """Add the next slot. `reason` says why it is empty; None if it is filled or may still be."""
        self.totals.enter_group(slot.number)
        duplicates = self.duplicates.get(slot.number, ())
        page_row = build_row(self._recipe, slot, row, reason, attempts, duplicates)
        self.totals.add_slot(slot, page_row, row, len(duplicates))
        await self._slots.add_row(page_row | {"group": self.totals.group_index})

    async def finish(self) -> None:
        """Write the rows that are still in memory."""
        await self._calls.finish()
        await self._slots.finish()


def _build_call_row(note: CallNote) -> list[Any]:
    """Return a call as the charts read it, by position: start, duration and batch come first."""
    tokens = note["tokens"]
    reasons = Counter(str(reason).partition(":")[0] for reason in note["open"].values())
    return [
        datetime.fromisoformat(note["began"]).timestamp(),
        note["seconds"],
        note["batch"],
        note["try"],
        note.get("sent", 1),
        len(note["filled"]),
        reasons,
        note["finish_reason"],
        tokens.get("prompt_tokens", 0),
        tokens.get("cached_tokens", 0),
        tokens.get("completion_tokens", 0),
        tokens.get("reasoning_tokens", 0),
        note["cost_usd"],
        note["reused"],
        note["hedge"],
        note["model"],
    ]

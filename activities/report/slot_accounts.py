"""What is told of every slot: a line of the ledger, and a row of the report."""

import json

from activities.report import ledger
from activities.report.ledger import Attempt, Calls
from activities.report.page_rows import Rows
from activities.store.batch_files import Row, Shelf
from activities.store.object_store import Writer
from activities.store.plan_file import OpenPlan
from quire.slots import Slot


class Accounts:
    """Told of every slot in order, with its item or the reason why there is none; reads the calls that were for it."""

    def __init__(self, plan: OpenPlan, shelf: Shelf, rows: Rows, sink: Writer | None = None) -> None:
        self._plan, self._rows, self._sink = plan, rows, sink
        """`sink` is `ledger.jsonl`, where it is to be written."""
        self._calls = Calls(plan.store, shelf)
        self._attempts: dict[int, list[Attempt]] = {}
        self._root = self._last = 0

    async def begin(self) -> None:
        """Learn what is not told slot by slot."""
        await self._calls.begin()

    async def tell(self, slot: Slot, row: Row | None, reason: str | None) -> None:
        """The next slot; `reason` is None where it is filled or may still be."""
        while slot.number > self._last:
            await self._next_batch()
        attempts = self._attempts.get(slot.number, [])
        if self._sink is not None:
            said = ledger.entry(slot, row, attempts, self._rows.twins.get(slot.number, []), reason)
            await self._sink.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")
        await self._rows.slot(slot, row, reason, attempts)

    async def _next_batch(self) -> None:
        first = self._last + 1
        self._root += 1
        self._last += self._plan.sizes[self._root - 1]
        calls = await self._calls.notes(self._root)
        self._attempts = ledger.by_slot(calls)
        await self._rows.batch(first, calls)

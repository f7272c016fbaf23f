"""The page's rows, and what they add up to: told by whoever goes through all calls and slots."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from activities.report.ledger import Attempt
from activities.report.packed_blocks import Blocks
from activities.report.slot_rows import row_of
from activities.report.totals import Counts
from activities.store.batch_files import Row
from activities.store.object_store import Sink
from activities.store.plan_file import OpenPlan
from quire.slots import Slot

Twins = Mapping[int, list[dict[str, Any]]]
"""By slot number: what its items were twins of."""


class Rows:
    """Told of each planned batch's calls, and after those of each of its slots; nothing is held but counts."""

    def __init__(self, plan: OpenPlan, twins: Twins, sink: Sink | None) -> None:
        self.counts, self.twins = Counts(plan), twins
        self._plan = plan
        self._calls, self._slots = Blocks(sink, "calls"), Blocks(sink, "slots")

    async def batch(self, first: int, calls: Sequence[Attempt]) -> None:
        """The calls for the next planned batch, whose first slot this is."""
        self.counts.reach(first)
        for index, call in enumerate(calls):
            self.counts.call(call, first=not index)
            await self._calls.add(_call(call))

    async def slot(self, slot: Slot, found: Row | None, reason: str | None, attempts: Sequence[Attempt]) -> None:
        """The next slot; `reason` is why it is empty, None where it is not or may still be filled."""
        self.counts.reach(slot.number)
        met = self.twins.get(slot.number, ())
        row = row_of(self._plan.recipe, slot, found, reason, attempts, met)
        self.counts.slot(slot, row, found, len(met))
        await self._slots.add(row | {"group": self.counts.part})

    async def end(self) -> None:
        """That was all."""
        await self._calls.end()
        await self._slots.end()


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

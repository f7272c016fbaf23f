"""`ledger.jsonl`, which auditors read: a line per slot with its calls, its duplicates and its verdict."""

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from activities.report.call_notes import SlotAttempt, SlotAttempts, open_call_notes
from activities.store.batch_files import Row
from activities.store.duplicate_rounds import list_rounds, read_rejections
from activities.store.item_index import ItemIndex
from activities.store.object_store import Sink, Store
from activities.store.plan_file import OpenPlan
from quire.slots import Slot

LEDGER_KEY = "ledger.jsonl"
"""The ledger's key in the store."""
Duplicates = Mapping[int, list[dict[str, Any]]]
"""By slot number: each item of the slot that was rejected as a duplicate, in which round, and which item it repeats."""


async def read_duplicates(store: Store) -> Duplicates:
    """Return the rejected duplicates of a run."""
    duplicates: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    async for round_ in list_rounds(store):
        for number, row in (await read_rejections(store, round_)).items():
            duplicate = {"round": round_, "of": row["of"], "likeness": row.get("likeness"), "batch": row["file"]}
            duplicates[number].append(duplicate | ({"kept": row["kept"]} if "kept" in row else {}))
    return duplicates


def build_entry(
    slot: Slot, row: Row | None, attempts: list[SlotAttempt], duplicates: list[dict[str, Any]], reason: str | None
) -> dict[str, Any]:
    """Return a slot's line of the ledger. `reason` says why the slot has no item; `row` is None then."""
    provenance = row["provenance"] if row else {"source": None, "model": None, "batch": None}
    return {
        "slot": slot.key,
        "number": slot.number,
        "verdict": "filled" if row else "failed",
        "reason": None if row else reason,
        "source": provenance["source"],
        "model": provenance["model"],
        "batch": provenance["batch"],
        "brief": slot.brief,
        "covers": list(slot.covers),
        "attempts": attempts,
        "duplicate_of": duplicates,
    }


class LedgerWriter:
    """Writes the ledger, slot by slot in plan order."""

    def __init__(self, attempts: SlotAttempts, duplicates: Duplicates, sink: Sink) -> None:
        self._attempts, self._duplicates, self._sink = attempts, duplicates, sink

    async def write_slot(self, slot: Slot, row: Row | None, reason: str | None) -> None:
        """Write the next slot's line: its item, or the reason why it has none."""
        attempts = await self._attempts.read_attempts(slot)
        entry = build_entry(slot, row, attempts, self._duplicates.get(slot.number, []), reason)
        await self._sink.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")


async def open_ledger(plan: OpenPlan, index: ItemIndex, sink: Sink) -> LedgerWriter:
    """Return a writer of a run's ledger to `sink`."""
    attempts = SlotAttempts(plan, await open_call_notes(plan.store, index))
    return LedgerWriter(attempts, await read_duplicates(plan.store), sink)

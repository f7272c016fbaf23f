"""The note of every model call, and the calls for each slot in the order of the plan."""

import json
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from activities.limits.rate_turn import current_attempt
from activities.store.answers import Answer, answer_key
from activities.store.batch_files import batch_key
from activities.store.item_faults import describe_open_slot, describe_review
from activities.store.item_index import ItemIndex
from activities.store.object_store import CALLS, Store
from activities.store.plan_file import OpenPlan
from quire.outcome import Outcome
from quire.slots import Batch, Slot

CallNote = dict[str, Any]
"""What came of a call, as `build_call_note` returns it."""
SlotAttempt = dict[str, Any]
"""A call as one of its slots sees it: the note with `came_to` and `slots_in_call` instead of `filled` and `open`."""


def build_call_note(
    outcome: Outcome,
    batch: Batch,
    answer: Answer,
    name: str,
    *,
    words: Mapping[int, str],
    endpoint: str,
    started_at: float,
    hedge: bool,
) -> CallNote:
    """Return what came of a call of `endpoint` that started at `started_at`, in seconds since 1970.

    `words`: what is wrong with the answer for open slots, in full. The note has its slots, how often it was sent
    until an answer came, what came back, and what it cost.
    """
    return {
        "began": datetime.fromtimestamp(started_at, UTC).isoformat(timespec="milliseconds"),
        "seconds": round(time.time() - started_at, 3),
        "batch": batch.name,
        "try": batch.tries,
        "sent": current_attempt(),
        "model": answer.model,
        "endpoint": endpoint,
        "answer": answer_key(name),
        "finish_reason": answer.finish_reason,
        "filled": outcome.filled,
        "open": {slot.slot: describe_open_slot(slot, words.get(slot.slot)) for slot in outcome.open},
        "tokens": answer.usage,
        "estimated": answer.estimated,
        "cost_usd": outcome.usage.cost_usd,
        "reused": answer.reused,
        "hedge": hedge,
    }


async def store_late_note(store: Store, note: Mapping[str, Any]) -> None:
    """Store the note of a call that was too late to fill its batch: it was paid for, and the ledger lists it."""
    name = f"{note['batch']}{'.again' if note['hedge'] else ''}"
    await store.put(f"{CALLS}{name}.json", json.dumps(note, ensure_ascii=False).encode())


class CallNotes:
    """The notes of a run's calls, by planned batch."""

    def __init__(self, store: Store, index: ItemIndex, late_keys: Mapping[int, Sequence[str]]) -> None:
        self._store, self._index, self._late_keys = store, index, late_keys

    async def read_notes(self, batch: int) -> list[CallNote]:
        """Return the notes of all calls for a planned batch, by start time; batches count from 1."""
        keys = (batch_key(batch), *self._index.later_files.get(batch, ()))
        files = [await self._index.open_file(key) for key in keys]
        notes = [file.call for file in files if file.call is not None]
        notes += [json.loads(await self._store.get(key) or b"{}") for key in self._late_keys.get(batch, ())]
        return sorted(notes, key=lambda note: note["began"])


async def open_call_notes(store: Store, index: ItemIndex) -> CallNotes:
    """Return the notes of a run, after a look at which of them are outside the batch files: those of late calls."""
    late_keys: defaultdict[int, list[str]] = defaultdict(list)
    async for key in store.list_keys(CALLS):
        late_keys[int(key.removeprefix(CALLS).partition(".")[0])].append(key)
    return CallNotes(store, index, late_keys)


def group_by_slot(notes: Iterable[CallNote]) -> dict[int, list[SlotAttempt]]:
    """Return the calls for each slot, by slot number."""
    attempts: defaultdict[int, list[SlotAttempt]] = defaultdict(list)
    for note in notes:
        shared = {name: value for name, value in note.items() if name not in ("filled", "open", "judged")}
        judged = describe_review(note)
        slots = len(note["filled"]) + len(note["open"])
        for number, result in [*((n, judged.get(str(n), "filled")) for n in note["filled"]), *note["open"].items()]:
            attempts[int(number)].append(shared | {"came_to": result, "slots_in_call": slots})
    return attempts


class SlotAttempts:
    """The calls for each slot. Slots must be asked for in plan order, because only one batch's notes are in memory."""

    def __init__(
        self,
        plan: OpenPlan,
        notes: CallNotes,
        on_batch: Callable[[int, Sequence[CallNote]], Awaitable[None]] | None = None,
    ) -> None:
        self._sizes, self._notes, self._on_batch = plan.sizes, notes, on_batch
        self._attempts: dict[int, list[SlotAttempt]] = {}
        self._batch = self._last_slot = 0

    async def read_attempts(self, slot: Slot) -> list[SlotAttempt]:
        """Return the calls for the next slot.

        `on_batch` receives each planned batch's first slot and notes before the batch's slots are returned.
        """
        while slot.number > self._last_slot:
            await self._read_next_batch()
        return self._attempts.get(slot.number, [])

    async def _read_next_batch(self) -> None:
        first_slot = self._last_slot + 1
        self._batch += 1
        self._last_slot += self._sizes[self._batch - 1]
        notes = await self._notes.read_notes(self._batch)
        self._attempts = group_by_slot(notes)
        if self._on_batch is not None:
            await self._on_batch(first_slot, notes)

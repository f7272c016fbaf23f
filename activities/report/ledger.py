"""What every call came to, one small file each, and the ledger that an auditor reads: a line for each slot."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from activities.attempts import attempt
from activities.store.answers import Answer
from activities.store.batch_files import Row, Shelf, rejections, rounds
from activities.store.object_store import Store
from quire.outcome import Outcome
from quire.slots import Batch, Slot

KEY = "ledger.jsonl"
Attempt = dict[str, Any]


def note(outcome: Outcome, batch: Batch, answer: Answer, name: str, *, began: float, hedge: bool) -> dict[str, Any]:
    """What one call came to that began at `began`, seconds since 1970: its slots, how often it was sent until
    an answer came, what came back, what it took."""
    return {
        "began": datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
        "seconds": round(time.time() - began, 3),
        "batch": batch.name,
        "try": batch.tries,
        "sent": attempt(),
        "model": answer.model,
        "answer": f"responses/{name}.json",
        "finish_reason": answer.finish_reason,
        "filled": outcome.filled,
        "open": {slot.slot: f"{slot.reason}: {slot.detail}" if slot.detail else slot.reason for slot in outcome.open},
        "tokens": answer.usage,
        "estimated": answer.estimated,
        "cost_usd": outcome.usage.cost_usd,
        "reused": answer.reused,
        "hedge": hedge,
    }


async def keep(store: Store, said: Mapping[str, Any]) -> None:
    """Keep the note of a call that came too late to fill its batch: it is told, and paid for, all the same."""
    name = f"{said['batch']}{'.again' if said['hedge'] else ''}"
    await store.put(f"calls/{name}.json", json.dumps(said, ensure_ascii=False).encode())


class Calls:
    """What the calls for each planned batch came to."""

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self._store, self._shelf = store, shelf
        self._late: defaultdict[int, list[str]] = defaultdict(list)

    async def begin(self) -> None:
        """Learn which notes lie outside the batch files: of calls that came late, and all of earlier versions."""
        async for key in self._store.names("calls/"):
            self._late[int(key.removeprefix("calls/").partition(".")[0])].append(key)

    async def notes(self, root: int) -> list[Attempt]:
        """Each call for a planned batch, in the order in which they began."""
        files = [await self._shelf.opened(key) for key in (f"batches/{root}.jsonl", *self._shelf.again.get(root, ()))]
        calls = [file.call for file in files if file.call is not None]
        calls += [json.loads(await self._store.get(key) or b"{}") for key in self._late.get(root, ())]
        return sorted(calls, key=lambda call: call["began"])

    async def of(self, root: int) -> dict[int, list[Attempt]]:
        """The same by slot number."""
        return by_slot(await self.notes(root))


def by_slot(calls: Iterable[Attempt]) -> dict[int, list[Attempt]]:
    """What calls came to for each slot that they were for."""
    found: defaultdict[int, list[Attempt]] = defaultdict(list)
    for call in calls:
        shared = {name: value for name, value in call.items() if name not in ("filled", "open")}
        slots = len(call["filled"]) + len(call["open"])
        for number, said in [*((n, "filled") for n in call["filled"]), *call["open"].items()]:
            found[int(number)].append(shared | {"came_to": said, "slots_in_call": slots})
    return found


async def twins_of(store: Store) -> dict[int, list[dict[str, Any]]]:
    """By slot number: the rounds in which its item was rejected as a twin, and of what."""
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    async for round_ in rounds(store):
        for number, row in (await rejections(store, round_)).items():
            said = {"round": round_, "of": row["of"], "likeness": row.get("likeness"), "batch": row["file"]}
            found[number].append(said | ({"kept": row["kept"]} if "kept" in row else {}))
    return found


def entry(
    slot: Slot, row: Row | None, attempts: list[Attempt], twins: list[dict[str, Any]], reason: str | None
) -> dict[str, Any]:
    """One slot's story."""
    return {
        "slot": slot.key,
        "number": slot.number,
        "verdict": "filled" if row else "failed",
        "reason": None if row else reason,
        "source": row["provenance"]["source"] if row else None,
        "model": row["provenance"]["model"] if row else None,
        "batch": row["provenance"]["batch"] if row else None,
        "brief": slot.brief,
        "covers": list(slot.covers),
        "attempts": attempts,
        "duplicate_of": twins,
    }

"""What every call came to, one small file each, and the ledger that an auditor reads: a line for each slot."""

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from activities.answer import Answer
from activities.bound import Row, rejections, rounds
from activities.planfile import OpenPlan
from activities.store import Store, Writer
from quire.outcome import Outcome
from quire.slots import Batch, Slot

KEY = "ledger.jsonl"
Attempt = dict[str, Any]


async def write(
    store: Store, outcome: Outcome, batch: Batch, answer: Answer, name: str, *, began: float, hedge: bool
) -> None:
    """Note one call that began at `began`, seconds since 1970: its slots, what came back, what it took."""
    row = {
        "began": datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds"),
        "seconds": round(time.time() - began, 3),
        "batch": batch.name,
        "try": batch.tries,
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
    await store.put(f"calls/{batch.name}{'.again' if hedge else ''}.json", json.dumps(row, ensure_ascii=False).encode())


async def attempts_of(store: Store, root: int, again: Iterable[str] = ()) -> dict[int, list[Attempt]]:
    """By slot number: what each call for a planned batch came to, in the order in which they began. `again` names the
    calls for it beside the first."""
    found: defaultdict[int, list[Attempt]] = defaultdict(list)
    for name in (str(root), *again):
        data = await store.get(f"calls/{name}.json")
        if data is None:
            continue
        call = json.loads(data)
        shared = {name: value for name, value in call.items() if name not in ("filled", "open")}
        slots = len(call["filled"]) + len(call["open"])
        for number, said in [*((n, "filled") for n in call["filled"]), *call["open"].items()]:
            found[int(number)].append(shared | {"came_to": said, "slots_in_call": slots})
    return {number: sorted(attempts, key=lambda attempt: attempt["began"]) for number, attempts in found.items()}


async def calls_again(store: Store) -> dict[int, list[str]]:
    """Names of the calls beside the first, by planned batch: few, where all goes well."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    async for key in store.names("calls/"):
        name = key.removeprefix("calls/").removesuffix(".json")
        if not name.isdecimal():
            found[int(name.partition(".")[0])].append(name)
    return {root: sorted(names) for root, names in found.items()}


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


class Ledger:
    """Writes `ledger.jsonl`: it is told of every slot in order, with its item or the reason why there is none."""

    def __init__(self, store: Store, plan: OpenPlan, reasons: Mapping[int, str], sink: Writer) -> None:
        self._store, self._plan, self._reasons, self._sink = store, plan, reasons, sink
        self._again: dict[int, list[str]] = {}
        self._twins: dict[int, list[dict[str, Any]]] = {}
        self._attempts: dict[int, list[Attempt]] = {}
        self._root = self._last = 0

    async def begin(self) -> None:
        """Learn what is not told slot by slot."""
        self._again, self._twins = await calls_again(self._store), await twins_of(self._store)

    async def tell(self, slot: Slot, row: Row | None) -> None:
        """Write the next slot's story."""
        while slot.number > self._last:
            self._root += 1
            self._last += self._plan.sizes[self._root - 1]
            self._attempts = await attempts_of(self._store, self._root, self._again.get(self._root, ()))
        reason = self._reasons.get(slot.number, "not filled")
        said = entry(slot, row, self._attempts.get(slot.number, []), self._twins.get(slot.number, []), reason)
        await self._sink.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")

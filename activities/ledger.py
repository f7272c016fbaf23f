"""What every call came to, one small file each, and the ledger that an auditor reads: a line for each slot."""

import json
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from activities.answer import Answer
from activities.bound import Shelf, rejections, rounds
from activities.planfile import OpenPlan
from activities.store import Store
from quire.outcome import Outcome
from quire.slots import Batch

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


async def stories(store: Store, *, only: int | None = None) -> dict[int, list[Attempt]]:
    """By slot number: what each call that asked for it came to, in the order in which they began."""
    found: defaultdict[int, list[Attempt]] = defaultdict(list)
    async for key in store.keys("calls/"):
        call = json.loads(await store.get(key) or b"{}")
        shared = {name: value for name, value in call.items() if name not in ("filled", "open")}
        slots = len(call["filled"]) + len(call["open"])
        for number, said in [*((n, "filled") for n in call["filled"]), *call["open"].items()]:
            if only in (None, int(number)):
                found[int(number)].append(shared | {"came_to": said, "slots_in_call": slots})
    return {number: sorted(attempts, key=lambda attempt: attempt["began"]) for number, attempts in found.items()}


async def twins_of(store: Store) -> dict[int, list[dict[str, Any]]]:
    """By slot number: the rounds in which its item was rejected as a twin, and of what."""
    found: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    async for round_ in rounds(store):
        for number, row in (await rejections(store, round_)).items():
            said = {"round": round_, "of": row["of"], "likeness": row.get("likeness"), "batch": row["file"]}
            found[number].append(said | ({"kept": row["kept"]} if "kept" in row else {}))
    return found


def entry(
    plan: OpenPlan, number: int, row: Mapping[str, Any] | None, attempts: list[Attempt], twins: list[dict[str, Any]],
    reason: str | None,
) -> dict[str, Any]:  # fmt: skip
    """One slot's story."""
    slot = plan.slots[number - 1]
    return {
        "slot": slot.key,
        "number": number,
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


async def bind(store: Store, plan: OpenPlan, shelf: Shelf, reasons: Mapping[int, str]) -> None:
    """Write `ledger.jsonl`: every slot in order, with its reason where it is not filled."""
    attempts, twins = await stories(store), await twins_of(store)

    async def lines() -> AsyncIterator[bytes]:
        for slot in plan.slots:
            number = slot.number
            row = await shelf.row(number)
            reason = reasons.get(number, "not filled")
            said = entry(plan, number, row, attempts.get(number, []), twins.get(number, []), reason)
            yield json.dumps(said, ensure_ascii=False).encode() + b"\n"

    await store.write(KEY, lines())

"""What is lost, wrong and wasted under each fault of the endpoint: `uv run python -m benchmarks.faults [--quick]`."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
from temporalio.client import Client

from benchmarks.harness import ITEM, run, server, things
from quire.progress import Result
from simulator.options import Options
from simulator.stats import tokens

ITEMS, IN_FLIGHT, SIZE, LATENCY = 200, 20, 4, 2.0
ATTEMPTS, ROUNDS = 20, 20
FAULTS: dict[str, dict[str, Any]] = {
    "cut_off": {},
    "bad_json": {},
    "rate_limit": {"retry_after": 1.0},
    "rate_limit (no header)": {"retry_after_form": "none"},
    "server_error": {},
    "drop": {},
    "hang": {},
    "too_few": {},
    "too_many": {},
    "duplicates": {},
    "refusal": {},
    "html": {},
    "stream_cut": {},
}
SHARES = (0.05, 0.2, 0.5)
ALL_AT_ONCE = 0.2
HEAD = (
    f"{'fault':24}{'share':>6}{'items':>7}{'lost':>6}{'told':>6}{'wrong':>7}{'calls':>7}{'wasted':>8}{'wall s':>8}"
    f"{'/clean':>8}"
)


def wrong_in(path: Path) -> tuple[int, int]:
    """Items that are invalid or there twice, and the tokens of all."""
    validator, seen, wrong, size = jsonschema_rs.validator_for(ITEM), set[str](), 0, 0
    for line in path.read_text().splitlines() if path.exists() else ():
        item = json.loads(line)
        name, _ = item.pop("id"), item.pop("provenance")
        wrong += name in seen or not validator.is_valid(item)
        seen.add(name)
        size += tokens(json.dumps({"slot": 1} | item, ensure_ascii=False))
    return wrong, size


def row(label: str, share: float, result: Result, stats: dict[str, Any], store: str, clean: float) -> dict[str, Any]:
    """The figures of one run. `lost`: neither there nor told. `wasted`: tokens written and not in the artifact."""
    wrong, kept = wrong_in(Path(store) / result.workflow_id / "artifact.jsonl")
    written = stats["completion_tokens"]
    figures = {
        "fault": label, "share": share, "items": result.items, "told": result.failed_total, "wrong": wrong,
        "lost": ITEMS - result.items - result.failed_total, "calls": stats["calls"],
        "wasted": max(0.0, 1 - kept / written) if written else 0.0, "seconds": result.seconds,
        "ratio": result.seconds / clean if clean else 1.0,
    }  # fmt: skip
    print(
        f"{label:24}{share:6.0%}{figures['items']:7}{figures['lost']:6}{figures['told']:6}{wrong:7}"
        f"{figures['calls']:7}{figures['wasted']:8.1%}{result.seconds:8.1f}{figures['ratio']:8.2f}",
        flush=True,
    )
    return figures


ALL = "all but refusal"


def options(fault: str, share: float, latency: float) -> Options:
    """The simulator with this fault, or with all of them sharing it evenly, and as many twins."""
    if fault == "none":
        return Options(latency=latency)
    if fault != ALL:
        return Options(latency=latency, **{fault.partition(" ")[0]: share}, **FAULTS[fault])
    named = [name for name in FAULTS if " " not in name and name not in ("duplicates", "refusal")]
    return Options(latency=latency, duplicates=share, **dict.fromkeys(named, share / len(named)))


async def one(
    client: Client, store: str, fault: str, share: float, *, latency: float, clean: float = 0.0
) -> dict[str, Any]:
    """One run under one fault; `clean` is the seconds of a run without any."""
    request = things(
        store,
        ITEMS,
        model={"name": "gpt-4o-mini", "timeout_seconds": max(2, int(2 * latency))},
        batching={"size": SIZE, "concurrency": IN_FLIGHT, "tokens_per_item": 120},
        retry={"attempts": ATTEMPTS},
        duplicates={"method": "exact", "rounds": ROUNDS, "fields": ["text"]},
    )
    name = re.sub(r"[^a-z0-9.]+", "-", f"{fault}-{share}")
    result, stats = await run(client, request, name, options(fault, share, latency))
    return row(fault, share, result, stats, store, clean)


async def matrix(shares: tuple[float, ...], latency: float) -> None:
    """Every fault at every share, then all at once; a clean run first, which the others are measured by."""
    async with server() as (client, store):
        clean = (await one(client, store, "none", 0.0, latency=latency))["seconds"]
        for fault, share in [*((fault, share) for fault in FAULTS for share in shares), (ALL, ALL_AT_ONCE)]:
            await one(client, store, fault, share, latency=latency, clean=clean)


def main() -> None:
    """The whole table, or with `--quick` one share at a fifth of the latency."""
    quick = "--quick" in sys.argv[1:]
    print(f"{ITEMS} items, {SIZE} a call, {IN_FLIGHT} calls in flight, {ATTEMPTS} tries of a slot's content\n{HEAD}")
    asyncio.run(matrix((0.2,) if quick else SHARES, LATENCY / 5 if quick else LATENCY))


if __name__ == "__main__":
    main()

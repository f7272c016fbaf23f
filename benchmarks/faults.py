"""Items lost, wrong and wasted under each fault of the endpoint: `uv run python -m benchmarks.faults [--quick]`."""

import asyncio
import json
import re
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs
from temporalio.client import Client

from quire.progress import Result
from simulator.options import Options
from simulator.stats import count_tokens
from tests.support.requests import THING, things_request
from tests.support.servers import run_embedded_server, run_with_simulator

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
    f"{'fault':24}{'share':>6}{'items':>7}{'lost':>6}{'reported':>10}{'wrong':>7}{'calls':>7}{'wasted':>8}{'wall s':>8}"
    f"{'/clean':>8}"
)


def count_wrong_items(path: Path) -> tuple[int, int]:
    """Return the number of invalid or repeated items, and the tokens of all."""
    validator, names, wrong, size = jsonschema_rs.validator_for(THING), set[str](), 0, 0
    for line in path.read_text().splitlines() if path.exists() else ():
        item = json.loads(line)
        name, _ = item.pop("id"), item.pop("provenance")
        wrong += name in names or not validator.is_valid(item)
        names.add(name)
        size += count_tokens(json.dumps({"slot": 1} | item, ensure_ascii=False))
    return wrong, size


def print_row(
    label: str, share: float, result: Result, stats: dict[str, Any], store: str, clean: float
) -> dict[str, Any]:
    """Print and return the figures of one run. `lost`: neither in the artifact nor reported. `wasted`: share of the
    written tokens that are not in the artifact."""
    wrong, tokens_in_artifact = count_wrong_items(Path(store) / result.workflow_id / "artifact.jsonl")
    written = stats["completion_tokens"]
    figures = {
        "fault": label, "share": share, "items": result.items, "reported": result.failed_total, "wrong": wrong,
        "lost": ITEMS - result.items - result.failed_total, "calls": stats["calls"],
        "wasted": max(0.0, 1 - tokens_in_artifact / written) if written else 0.0, "seconds": result.seconds,
        "ratio": result.seconds / clean if clean else 1.0,
    }  # fmt: skip
    print(
        f"{label:24}{share:6.0%}{figures['items']:7}{figures['lost']:6}{figures['reported']:10}{wrong:7}"
        f"{figures['calls']:7}{figures['wasted']:8.1%}{result.seconds:8.1f}{figures['ratio']:8.2f}",
        flush=True,
    )
    return figures


ALL = "all but refusal"


def simulator_options(fault: str, share: float, latency: float) -> Options:
    """Return options of the simulator with this fault, or with all of them in equal shares."""
    if fault == "none":
        return Options(latency=latency)
    if fault != ALL:
        return Options(latency=latency, **{fault.partition(" ")[0]: share}, **FAULTS[fault])
    named = [name for name in FAULTS if " " not in name and name not in ("duplicates", "refusal")]
    return Options(latency=latency, duplicates=share, **dict.fromkeys(named, share / len(named)))


async def run_with_fault(
    client: Client, store: str, fault: str, share: float, *, latency: float, clean: float = 0.0
) -> dict[str, Any]:
    """Make one run under one fault; `clean` is the seconds of a run without any."""
    request = things_request(
        store,
        ITEMS,
        model={"name": "gpt-4o-mini", "timeout_seconds": max(2, int(2 * latency))},
        batching={"size": SIZE, "concurrency": IN_FLIGHT, "tokens_per_item": 120},
        retry={"attempts": ATTEMPTS},
        duplicates={"method": "exact", "rounds": ROUNDS, "fields": ["text"]},
    )
    name = re.sub(r"[^a-z0-9.]+", "-", f"{fault}-{share}")
    result, stats = await run_with_simulator(client, request, name, simulator_options(fault, share, latency))
    return print_row(fault, share, result, stats, store, clean)


async def run_matrix(shares: tuple[float, ...], latency: float) -> None:
    """Run every fault at every share, then all at once, and first a run without any, which the others are compared
    with."""
    async with run_embedded_server() as (client, store):
        clean = (await run_with_fault(client, store, "none", 0.0, latency=latency))["seconds"]
        for fault, share in [*((fault, share) for fault in FAULTS for share in shares), (ALL, ALL_AT_ONCE)]:
            await run_with_fault(client, store, fault, share, latency=latency, clean=clean)


def main() -> None:
    """Print the whole table, or with `--quick` one share at a fifth of the latency."""
    quick = "--quick" in sys.argv[1:]
    print(f"{ITEMS} items, {SIZE} per call, {IN_FLIGHT} calls in flight, {ATTEMPTS} attempts per slot\n{HEAD}")
    asyncio.run(run_matrix((0.2,) if quick else SHARES, LATENCY / 5 if quick else LATENCY))


if __name__ == "__main__":
    main()

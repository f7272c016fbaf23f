"""A run of 10 batches behind one of 10,000, against its time alone: `uv run python -m benchmarks.fairness`.

The big run is finished early once the small one is done. Where slots are scarce, the server's queue decides who comes
first; where the endpoint is throttled, the worker does; else nothing waits but for the processor."""

import argparse
import asyncio
import os
import time
from typing import NamedTuple

from temporalio.client import Client

from benchmarks.harness import server, things
from quire.progress import Progress
from runtime.temporal.run_priority import USUAL
from runtime.temporal.runs import Handle, start
from runtime.worker.host import SLOTS, hosted
from runtime.worker.simulator_process import simulator


class Case(NamedTuple):
    """One row: activities at a time of the worker, calls in flight that its endpoint may get, the runs' priorities."""

    name: str
    slots: int = SLOTS
    endpoint: int | None = None
    small: int = USUAL
    big: int = USUAL


CASES = (
    Case("slots plentiful"),
    Case("64 slots", slots=64),
    Case("16 slots", slots=16),
    Case("16 slots, priority 1 behind 3", slots=16, small=1),
    Case("endpoint takes 16 calls", endpoint=16),
    Case("endpoint takes 16 calls, priority 1 behind 3", endpoint=16, small=1),
)


async def main() -> None:
    """Each case on one embedded server, with one worker process: this one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--batches", type=int, default=10_000, help="of the big run")
    parser.add_argument("--width", type=int, default=200, help="calls in flight of the big run")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds a call")
    parser.add_argument("--only", default="", help="the cases whose name has this")
    given = parser.parse_args()
    print("| | alone s | behind s | ratio |")
    print("|---|---|---|---|", flush=True)
    async with server() as (client, store), simulator(("--latency", str(given.latency))) as address:
        os.environ["OPENAI_BASE_URL"] = address
        for number, case in enumerate(case for case in CASES if given.only in case.name):
            alone, behind = await measured(client, f"{store}/{number}", case, given.batches, given.width)
            print(f"| {case.name} | {alone:.2f} | {behind:.2f} | {behind / alone:.2f} |", flush=True)


async def measured(client: Client, store: str, case: Case, batches: int, width: int) -> tuple[float, float]:
    """Seconds of ten batches alone and behind so many; the big run is in full flight when they are started."""
    async with hosted(client, slots=case.slots) as worker:
        if case.endpoint:
            throttle = worker.endpoints.throttle(things(store, 1).model)
            throttle.most = throttle.limit = case.endpoint
        await small(client, store, f"first {case.name}", case.small)  # which imports the model's client
        alone = await small(client, store, f"alone {case.name}", case.small)
        request = things(store, batches, batching={"size": 1, "concurrency": width})
        big = await start(client, f"big {case.name}", request, priority=case.big)
        await in_flight(big, 50)
        behind = await small(client, store, f"behind {case.name}", case.small)
        assert not (await shown(big)).items >= batches, "the big run was over too soon"
        await big.signal("finish_now")
        await big.result()
    return alone, behind


async def small(client: Client, store: str, name: str, priority: int) -> float:
    """Seconds from the start of a run of ten batches to its artifact."""
    began = time.perf_counter()
    handle = await start(client, name, things(store, 10, batching={"size": 1}), priority=priority)
    result = await handle.result()
    assert result.items == 10, result
    return time.perf_counter() - began


async def in_flight(handle: Handle, items: int) -> None:
    """Wait until a run has made so many."""
    while (await shown(handle)).items < items:
        await asyncio.sleep(0.2)


async def shown(handle: Handle) -> Progress:
    """What a run says of itself."""
    return await handle.query("progress", result_type=Progress)


if __name__ == "__main__":
    asyncio.run(main())

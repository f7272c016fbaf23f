"""A run of 10 batches behind one of 10,000, compared with its time alone: `uv run python -m benchmarks.fairness`.

The large run is finished early once the small one is done. If worker slots are scarce, the server's queue decides which
call is next; if the endpoint is throttled, the worker does; else calls wait only for the processor.
"""

import argparse
import asyncio
import os
import time
from typing import NamedTuple

from temporalio.client import Client

from quire.progress import Progress
from runtime.temporal.run_priority import DEFAULT_PRIORITY
from runtime.temporal.runs import Handle, start_run
from runtime.worker.host import MAX_ACTIVITIES, host_worker
from runtime.worker.simulator_process import run_simulator
from tests.support.requests import things_request
from tests.support.servers import run_embedded_server


class Case(NamedTuple):
    """A row: worker slots, calls that the endpoint takes at a time, and the runs' priorities."""

    name: str
    slots: int = MAX_ACTIVITIES
    endpoint: int | None = None
    small: int = DEFAULT_PRIORITY
    big: int = DEFAULT_PRIORITY


CASES = (
    Case("slots plentiful"),
    Case("64 slots", slots=64),
    Case("16 slots", slots=16),
    Case("16 slots, priority 1 behind 3", slots=16, small=1),
    Case("endpoint takes 16 calls", endpoint=16),
    Case("endpoint takes 16 calls, priority 1 behind 3", endpoint=16, small=1),
)


async def main() -> None:
    """Measure each case on one embedded server with one worker, which is this process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description=__doc__)
    parser.add_argument("--batches", type=int, default=10_000, help="batches of the large run")
    parser.add_argument("--width", type=int, default=200, help="calls in flight of the large run")
    parser.add_argument("--latency", type=float, default=1.0, help="seconds per call")
    parser.add_argument("--only", default="", help="run only cases whose name contains this")
    arguments = parser.parse_args()
    print("| | alone s | behind s | ratio |")
    print("|---|---|---|---|", flush=True)
    async with (
        run_embedded_server() as (client, store),
        run_simulator(("--latency", str(arguments.latency))) as address,
    ):
        os.environ["OPENAI_BASE_URL"] = address
        for number, case in enumerate(case for case in CASES if arguments.only in case.name):
            alone, behind = await measure(client, f"{store}/{number}", case, arguments.batches, arguments.width)
            print(f"| {case.name} | {alone:.2f} | {behind:.2f} | {behind / alone:.2f} |", flush=True)


async def measure(client: Client, store: str, case: Case, batches: int, width: int) -> tuple[float, float]:
    """Return the seconds of ten batches alone, and behind a large run in full flight."""
    async with host_worker(client, max_activities=case.slots) as worker:
        if case.endpoint:
            throttle = worker.endpoints.throttle(things_request(store, 1).model)
            throttle.ceiling = throttle.limit = case.endpoint
        await time_small_run(client, store, f"first {case.name}", case.small)  # which imports the model's client
        alone = await time_small_run(client, store, f"alone {case.name}", case.small)
        request = things_request(store, batches, batching={"size": 1, "concurrency": width})
        big = await start_run(client, f"big {case.name}", request, priority=case.big)
        await wait_for_items(big, 50)
        behind = await time_small_run(client, store, f"behind {case.name}", case.small)
        assert not (await get_progress(big)).items >= batches, "the big run was over too soon"
        await big.signal("finish_now")
        await big.result()
    return alone, behind


async def time_small_run(client: Client, store: str, name: str, priority: int) -> float:
    """Return the seconds from the start of a run of ten batches to its artifact."""
    started = time.perf_counter()
    handle = await start_run(client, name, things_request(store, 10, batching={"size": 1}), priority=priority)
    result = await handle.result()
    assert result.items == 10, result
    return time.perf_counter() - started


async def wait_for_items(handle: Handle, items: int) -> None:
    """Wait until a run has this many items."""
    while (await get_progress(handle)).items < items:
        await asyncio.sleep(0.2)


async def get_progress(handle: Handle) -> Progress:
    """Return a run's progress."""
    return await handle.query("progress", result_type=Progress)


if __name__ == "__main__":
    asyncio.run(main())

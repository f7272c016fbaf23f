"""How a run's cost grows with its size: `uv run python -m benchmarks.scale`. Each size has its own worker, server and
simulator processes; a million is extrapolated from the two largest sizes and marked so."""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError

from quire.progress import Progress, Result
from runtime.paths import ROOT
from runtime.worker.simulator_process import run_simulator
from tests.support.requests import things_request
from tests.support.servers import run_embedded_server

SIZES = (1_000, 10_000, 100_000)
MILLION = 1_000_000
MB = 1 << 20


@dataclass
class ProcessWatch:
    """The highest memory of two processes, and the slowest answer of `progress`, during a run."""

    worker: int
    server: int
    worker_mb: float = 0.0
    server_mb: float = 0.0
    slowest: float = 0.0
    silent: int = 0
    """Queries that were not answered within five seconds."""
    answers: list[float] = field(default_factory=list[float])

    async def sample(self, handle: WorkflowHandle[object, Result]) -> None:
        """Measure every half second until cancelled."""
        while True:
            self.worker_mb = max(self.worker_mb, _resident_mb(self.worker))
            self.server_mb = max(self.server_mb, _resident_mb(self.server))
            started = time.perf_counter()
            try:
                async with asyncio.timeout(5):
                    await handle.query("progress", result_type=Progress)
                self.answers.append(time.perf_counter() - started)
                self.slowest = max(self.slowest, self.answers[-1])
            except (TimeoutError, RPCError):
                self.silent += 1
            await asyncio.sleep(0.5)


@dataclass
class Row:
    """The figures of one size."""

    items: int
    seconds: float
    worker_mb: float
    server_mb: float
    store_mb: float
    database_mb: float
    longest: int
    """Events of the longest history."""
    histories: int
    anew: int
    """How often a workflow continued as new."""
    slowest: float
    silent: int

    @property
    def each(self) -> float:
        """Milliseconds per item."""
        return 1000 * self.seconds / self.items


def _resident_mb(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


async def main() -> None:
    """Measure each size, the smallest first."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--items", type=int, action="append", help="a size; may be repeated")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--kill", action="store_true", help="run the first size twice, once with the worker killed")
    arguments = parser.parse_args()
    if arguments.kill:
        await compare_with_kill((arguments.items or [10_000])[0], arguments.in_flight, arguments.latency)
        return
    print("| items | s | ms per item | worker MB | server MB | store MB | database MB | longest history | histories |"
          " continued | slowest progress s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    rows: list[Row] = []
    for items in arguments.items or SIZES:
        rows.append(await measure(items, arguments.in_flight, arguments.latency))
        print(_format_row(rows[-1]), flush=True)
    if len(rows) > 1:
        print(_extrapolate(rows[-2], rows[-1]))
        first, last = rows[0], rows[-1]
        print(f"\nworker memory, {last.items} over {first.items} items: {last.worker_mb / first.worker_mb:.2f}")
        print(f"time per item, {last.items} over {first.items} items: {last.each / first.each:.2f}")


async def measure(items: int, width: int, latency: float) -> Row:
    """Make one run of batches of one item, with its own worker."""
    async with run_embedded_server() as (client, store), run_simulator(("--latency", str(latency))) as address:
        worker = _start_worker(address)
        try:
            request = things_request(store, items, batching={"size": 1, "concurrency": width})
            warm = things_request(
                store, 5, batching={"size": 1}
            )  # a warm-up: what a worker loads at its first call must not count
            await client.execute_workflow("GenerateArtifact", warm, id="warm", task_queue="quire")
            started = time.perf_counter()
            handle: WorkflowHandle[object, Result] = await client.start_workflow(
                "GenerateArtifact", request, id="scale", task_queue="quire", result_type=Result
            )
            watched = ProcessWatch(worker.pid, int(Path(os.environ["QUIRE_HOME"], "temporal.pid").read_text()))
            looking = asyncio.create_task(watched.sample(handle))
            result = await handle.result()
            seconds = time.perf_counter() - started
            looking.cancel()
            assert result.items == items and not result.warnings, result
            return await _measure_row(client, items, seconds, watched, Path(store))
        finally:
            worker.terminate()
            worker.wait(60)


async def compare_with_kill(items: int, width: int, latency: float) -> tuple[bool, int, int]:
    """Make the same run twice, once with its worker killed in the middle. Return whether both artifacts are equal byte
    for byte, the calls that the second counts, and the simulator's answers beyond one per item."""
    async with run_embedded_server() as (client, store):
        bytes_of: list[bytes] = []
        counts: list[int] = []
        extra = 0
        for kill in (False, True):
            async with run_simulator(("--latency", str(latency))) as address:
                worker = _start_worker(address)
                try:
                    request = things_request(store, items, batching={"size": 1, "concurrency": width})
                    name = f"kill-{kill}"
                    handle = await client.start_workflow(
                        "GenerateArtifact", request, id=name, task_queue="quire", result_type=Result
                    )
                    if kill:
                        while _read_stats(address)["answered"] < items // 2:
                            await asyncio.sleep(0.1)
                        worker.kill()
                        worker.wait()
                        worker = _start_worker(address)
                    result = await handle.result()
                finally:
                    worker.terminate()
                    worker.wait(60)
                artifact = (Path(store) / name / "artifact.jsonl").read_bytes()
                bytes_of.append(artifact.replace(address.encode(), b"ENDPOINT"))  # each simulator has its own port
                counts.append(result.usage.calls)
                extra = _read_stats(address)["answered"] - items
    same = bytes_of[0] == bytes_of[1]
    print(f"{items} items, worker killed at half: artifact {'the same' if same else 'DIFFERS'}, calls counted "
          f"{counts[0]} and {counts[1]}, lost answers {extra} (of {width} in flight)")  # fmt: skip
    return same, counts[1], extra


def _start_worker(address: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OPENAI_BASE_URL": address}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "worker.py")], env=environment, stderr=subprocess.DEVNULL, cwd=ROOT
    )


def _read_stats(address: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{address.removesuffix('/v1')}/stats", timeout=10) as answer:
        return json.load(answer)


async def _measure_row(client: Client, items: int, seconds: float, watched: ProcessWatch, store: Path) -> Row:
    longest = histories = anew = 0
    await asyncio.sleep(1)  # the list of runs lags a little
    async for execution in client.list_workflows("WorkflowType IN ('GenerateArtifact', 'GenerateShard')"):
        histories += 1
        longest = max(longest, execution.history_length)
        anew += execution.status is not None and execution.status.name == "CONTINUED_AS_NEW"
    home = Path(os.environ["QUIRE_HOME"])
    return Row(
        items=items,
        seconds=seconds,
        worker_mb=watched.worker_mb,
        server_mb=watched.server_mb,
        store_mb=sum(file.stat().st_size for file in store.rglob("*") if file.is_file()) / MB,
        database_mb=sum(file.stat().st_size for file in home.glob("temporal.db*")) / MB,
        longest=longest,
        histories=histories,
        anew=anew,
        slowest=watched.slowest,
        silent=watched.silent,
    )


def _format_row(row: Row) -> str:
    slowest = f"{row.slowest:.2f}" + (f", {row.silent} unanswered" if row.silent else "")
    return (
        f"| {row.items:,} | {row.seconds:.1f} | {row.each:.2f} | {row.worker_mb:.0f} | {row.server_mb:.0f} | "
        f"{row.store_mb:.1f} | {row.database_mb:.1f} | {row.longest:,} | {row.histories} | {row.anew} | {slowest} |"
    )


def _extrapolate(small: Row, large: Row) -> str:
    """Return the row of a million, on a straight line through the two largest sizes."""

    def at(name: str) -> float:
        low, high = getattr(small, name), getattr(large, name)
        return high + (high - low) * (MILLION - large.items) / (large.items - small.items)

    return (
        f"| {MILLION:,} (reckoned, not run) | {at('seconds'):.0f} | {1000 * at('seconds') / MILLION:.2f} | "
        f"{at('worker_mb'):.0f} | {at('server_mb'):.0f} | {at('store_mb'):.0f} | {at('database_mb'):.0f} | | | | |"
    )


if __name__ == "__main__":
    asyncio.run(main())

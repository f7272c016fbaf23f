"""How a run's cost grows with its size: `uv run python -m benchmarks.scale`. Each size runs in worker, server and
simulator processes of its own; a million is reckoned from the largest two, and marked so."""

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

from benchmarks.harness import server, things
from quire.progress import Progress, Result
from runtime.worker.simulator_process import ROOT, simulator

SIZES = (1_000, 10_000, 100_000)
MILLION = 1_000_000
MB = 1 << 20


@dataclass
class Watched:
    """The highest memory of two processes, and the slowest answer of `progress`, while a run lasts."""

    worker: int
    server: int
    worker_mb: float = 0.0
    server_mb: float = 0.0
    slowest: float = 0.0
    silent: int = 0
    """Questions that were not answered in five seconds."""
    answers: list[float] = field(default_factory=list[float])

    async def look(self, handle: WorkflowHandle[object, Result]) -> None:
        """Look every half second until cancelled."""
        while True:
            self.worker_mb = max(self.worker_mb, _memory(self.worker))
            self.server_mb = max(self.server_mb, _memory(self.server))
            began = time.perf_counter()
            try:
                async with asyncio.timeout(5):
                    await handle.query("progress", result_type=Progress)
                self.answers.append(time.perf_counter() - began)
                self.slowest = max(self.slowest, self.answers[-1])
            except (TimeoutError, RPCError):
                self.silent += 1
            await asyncio.sleep(0.5)


@dataclass
class Row:
    """One size, measured."""

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
    """How often one was continued as new."""
    slowest: float
    silent: int

    @property
    def each(self) -> float:
        """Milliseconds an item."""
        return 1000 * self.seconds / self.items


def _memory(pid: int) -> float:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


async def main() -> None:
    """Each size, the smallest first."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--items", type=int, action="append", help="a size; may be repeated")
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--kill", action="store_true", help="run the first size twice, once with the worker killed")
    said = parser.parse_args()
    if said.kill:
        await killed((said.items or [10_000])[0], said.in_flight, said.latency)
        return
    print("| items | s | ms an item | worker MB | server MB | store MB | database MB | longest history | histories |"
          " continued | slowest progress s |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    rows: list[Row] = []
    for items in said.items or SIZES:
        rows.append(await measured(items, said.in_flight, said.latency))
        print(_line(rows[-1]), flush=True)
    if len(rows) > 1:
        print(_reckoned(rows[-2], rows[-1]))
        first, last = rows[0], rows[-1]
        print(f"\nworker memory, {last.items} over {first.items} items: {last.worker_mb / first.worker_mb:.2f}")
        print(f"cost of an item, {last.items} over {first.items} items: {last.each / first.each:.2f}")


async def measured(items: int, width: int, latency: float) -> Row:
    """One run of so many batches of one item, with a worker of its own."""
    async with server() as (client, store), simulator(("--latency", str(latency))) as address:
        worker = _worker(address)
        try:
            request = things(store, items, batching={"size": 1, "concurrency": width})
            warm = things(store, 5, batching={"size": 1})  # what a worker loads at its first call is no cost of a size
            await client.execute_workflow("GenerateArtifact", warm, id="warm", task_queue="quire")
            began = time.perf_counter()
            handle: WorkflowHandle[object, Result] = await client.start_workflow(
                "GenerateArtifact", request, id="scale", task_queue="quire", result_type=Result
            )
            watched = Watched(worker.pid, int(Path(os.environ["QUIRE_HOME"], "temporal.pid").read_text()))
            looking = asyncio.create_task(watched.look(handle))
            result = await handle.result()
            seconds = time.perf_counter() - began
            looking.cancel()
            assert result.items == items and not result.warnings, result
            return await _row(client, items, seconds, watched, Path(store))
        finally:
            worker.terminate()
            worker.wait(60)


async def killed(items: int, width: int, latency: float) -> tuple[bool, int, int]:
    """The same run twice, once with its worker killed in the middle; whether both made the same artifact, byte for
    byte, the calls that the second one counts, and how many answers the simulator gave beyond one an item."""
    async with server() as (client, store):
        bytes_of: list[bytes] = []
        counts: list[int] = []
        extra = 0
        for kill in (False, True):
            async with simulator(("--latency", str(latency))) as address:
                worker = _worker(address)
                try:
                    request = things(store, items, batching={"size": 1, "concurrency": width})
                    name = f"kill-{kill}"
                    handle = await client.start_workflow(
                        "GenerateArtifact", request, id=name, task_queue="quire", result_type=Result
                    )
                    if kill:
                        while _stats(address)["answered"] < items // 2:
                            await asyncio.sleep(0.1)
                        worker.kill()
                        worker.wait()
                        worker = _worker(address)
                    result = await handle.result()
                finally:
                    worker.terminate()
                    worker.wait(60)
                bytes_of.append((Path(store) / name / "artifact.jsonl").read_bytes())
                counts.append(result.usage.calls)
                extra = _stats(address)["answered"] - items
    same = bytes_of[0] == bytes_of[1]
    print(f"{items} items, worker killed at half: artifact {'the same' if same else 'DIFFERS'}, calls counted "
          f"{counts[0]} and {counts[1]}, answers that nobody heard {extra} (of {width} in flight)")  # fmt: skip
    return same, counts[1], extra


def _worker(address: str) -> subprocess.Popen[bytes]:
    environment = os.environ | {"OPENAI_BASE_URL": address}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "worker.py")], env=environment, stderr=subprocess.DEVNULL, cwd=ROOT
    )


def _stats(address: str) -> dict[str, int]:
    with urllib.request.urlopen(f"{address.removesuffix('/v1')}/stats", timeout=10) as answer:
        return json.load(answer)


async def _row(client: Client, items: int, seconds: float, watched: Watched, store: Path) -> Row:
    longest = histories = anew = 0
    await asyncio.sleep(1)  # the list of runs lags a little
    async for one in client.list_workflows("WorkflowType IN ('GenerateArtifact', 'GenerateShard')"):
        histories += 1
        longest = max(longest, one.history_length)
        anew += one.status is not None and one.status.name == "CONTINUED_AS_NEW"
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


def _line(row: Row) -> str:
    slowest = f"{row.slowest:.2f}" + (f", {row.silent} unanswered" if row.silent else "")
    return (
        f"| {row.items:,} | {row.seconds:.1f} | {row.each:.2f} | {row.worker_mb:.0f} | {row.server_mb:.0f} | "
        f"{row.store_mb:.1f} | {row.database_mb:.1f} | {row.longest:,} | {row.histories} | {row.anew} | {slowest} |"
    )


def _reckoned(small: Row, large: Row) -> str:
    """A straight line through the two largest sizes."""

    def at(name: str) -> float:
        low, high = getattr(small, name), getattr(large, name)
        return high + (high - low) * (MILLION - large.items) / (large.items - small.items)

    return (
        f"| {MILLION:,} (reckoned, not run) | {at('seconds'):.0f} | {1000 * at('seconds') / MILLION:.2f} | "
        f"{at('worker_mb'):.0f} | {at('server_mb'):.0f} | {at('store_mb'):.0f} | {at('database_mb'):.0f} | | | | |"
    )


if __name__ == "__main__":
    asyncio.run(main())

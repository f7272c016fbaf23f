"""Calls and tokens per minute as the endpoint counts them, with two worker processes and two runs at once: `uv run
python -m benchmarks.rates`."""

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from typing import Any

from temporalio.client import Client

from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.requests import things_request
from tests.support.servers import run_embedded_server

ROOT = Path(__file__).resolve().parent.parent
LIMITS: tuple[dict[str, int], ...] = ({"rpm": 60}, {"rpm": 1200}, {"tpm": 120_000}, {"rpm": 600, "tpm": 60_000})
SPANS = (60.0, 10.0)
LATENCY = 0.5
WORKERS, RUNS = 2, 2


async def main() -> None:
    """Print a row for each limit; each takes a minute and a half by default, so that it has many windows of a
    minute."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rates", description=__doc__)
    parser.add_argument("--seconds", type=float, default=90, help="duration of each row (default: %(default)s)")
    seconds = parser.parse_args().seconds
    print("| limit a minute | of | most in any 60 s | share | most in any 10 s | share | reached | 429s |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    async with run_embedded_server() as (client, store):
        for number, limits in enumerate(LIMITS):
            await run_row(client, store, number, limits, seconds)


async def run_row(client: Client, store: str, number: int, limits: dict[str, int], seconds: float) -> None:
    """Run one limit against a simulator that refuses calls above the limit and 5 %."""
    refuse = {name: int(limit * 1.05) for name, limit in limits.items()}
    with SimulatorServer(Options(latency=LATENCY, retry_after=1, **refuse)) as model:
        env = os.environ | {"OPENAI_BASE_URL": model.base_url, "TEMPORAL_ADDRESS": f"127.0.0.1:{_port()}"}
        command = [sys.executable, str(ROOT / "worker.py"), "--processes", str(WORKERS)]
        workers = await asyncio.create_subprocess_exec(*command, env=env, stderr=asyncio.subprocess.DEVNULL)
        name = f"gpt-4o-rates-{number}"
        request = things_request(store, 10_000, model={"name": name, **limits}, batching={"size": 1, "concurrency": 32})
        runs: list[Any] = [
            await client.start_workflow("GenerateArtifact", request, id=f"rates-{number}-{run}", task_queue="quire")
            for run in range(RUNS)
        ]
        log = model.simulator.stats.logs[name]
        while not log.calls:
            await asyncio.sleep(0.05)
        started = time.time()
        await asyncio.sleep(seconds)
        for kind, limit in limits.items():
            which = 0 if kind == "rpm" else 1
            most = {span: log.find_peak(span)[which] for span in SPANS}
            spent = sum(1 if which == 0 else call.tokens for call in list(log.calls) if call.at < started + seconds)
            shares = {span: most[span] / (limit * span / 60) for span in SPANS}
            refused = sum(call.refused for call in log.calls)
            windows = " | ".join(f"{most[span]} | {shares[span]:.3f}" for span in SPANS)
            reached = spent / (limit * seconds / 60)
            print(f"| {limit} | {'tokens' if which else 'calls'} | {windows} | {reached:.3f} | {refused} |", flush=True)
        for run in runs:
            await run.terminate()
        workers.terminate()
        await workers.wait()


def _port() -> str:
    return os.environ["QUIRE_PORT"]


if __name__ == "__main__":
    asyncio.run(main())

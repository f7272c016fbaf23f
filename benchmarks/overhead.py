"""Wall time over the ideal, `ceil(batches / concurrency) * latency`: `uv run python -m benchmarks.overhead`."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from quire.progress import Result
from quire.request import Request
from runtime.worker import hosted
from simulator.options import Options
from simulator.server import SimulatorServer

SHAPES = ((50, 10, 1.0), (200, 16, 1.0))
"""Batches of one item, calls in flight, seconds a call."""


async def main() -> None:
    """Each shape once, on a real server with one worker."""
    os.environ.pop("OPENAI_API_KEY", None)
    print(f"{'batches':>8} {'in flight':>10} {'latency':>8} {'ideal s':>8} {'quire s':>8} {'ratio':>6}")
    with tempfile.TemporaryDirectory() as store:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
            data_converter=pydantic_data_converter,
        ) as environment:
            for batches, width, latency in SHAPES:
                request = Request.model_validate(
                    {
                        "recipe": "oq_suite",
                        "inputs": {"urs": "examples/urs/chromatography.md", "gamp_category": 5},
                        "target": batches,
                        "batching": {"size": 1, "concurrency": width},
                        "output": {"store": store},
                    }
                )
                with SimulatorServer(Options(latency=latency)) as server:
                    os.environ["OPENAI_BASE_URL"] = server.base_url
                    async with hosted(environment.client):
                        began = time.perf_counter()
                        result: Result = await environment.client.execute_workflow(
                            "GenerateArtifact", request, id=f"b{batches}", task_queue="quire", result_type=Result
                        )
                        took = time.perf_counter() - began
                assert result.items == batches
                ideal = -(-batches // width) * latency
                print(f"{batches:8} {width:10} {latency:8.2f} {ideal:8.1f} {took:8.1f} {took / ideal:6.2f}")


if __name__ == "__main__":
    asyncio.run(main())

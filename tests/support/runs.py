"""Runs of a test: started, waited for, and read when they have ended."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from temporalio.client import Client

from quire.progress import Progress, Result
from quire.request import Request
from runtime.temporal.redacting_converter import DATA_CONVERTER
from runtime.temporal.runs import Handle
from simulator.server import SimulatorServer
from tests.support.workers import run_worker


async def connect_again(client: Client) -> Client:
    """Return a second connection to the same server, as another process has it."""
    return await Client.connect(
        client.service_client.config.target_host, namespace=client.namespace, data_converter=DATA_CONVERTER
    )


async def start_run(client: Client, request: Request, name: str) -> Handle:
    """Start a run with this id and return its handle."""
    return await client.start_workflow("GenerateArtifact", request, id=name, task_queue="quire", result_type=Result)


async def run_to_end(client: Client, request: Request, name: str, **options: object) -> Result:
    """Run a request with its own worker, which gets the `options`, and return the result."""
    async with run_worker(client, **options):  # pyright: ignore[reportArgumentType]
        return await (await start_run(client, request, name)).result()


async def get_progress(handle: Handle) -> Progress:
    """Return what the run's query `progress` answers."""
    return await handle.query("progress", result_type=Progress)


async def wait_for_progress(handle: Handle, reached: Callable[[Progress], object], seconds: float = 60) -> Progress:
    """Wait until the run's progress satisfies `reached` and return that progress. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not reached(progress := await get_progress(handle)):
            await asyncio.sleep(0.05)
    return progress


def read_items(store: Path, name: str) -> list[dict]:
    """Return the items of a run's artifact.jsonl."""
    return [json.loads(row) for row in (store / name / "artifact.jsonl").read_text().splitlines()]


def assert_complete(store: Path, name: str, result: Result, count: int = 40) -> None:
    """Assert that a run is complete and that its artifact holds `count` items with different ids."""
    assert (result.verdict, result.items) == ("complete", count), result.failed_slots
    ids = [item["id"] for item in read_items(store, name)]
    assert len(set(ids)) == len(ids) == count


def get_prompts(simulator: SimulatorServer) -> list[str]:
    """Return the last message of each call that the simulator received. Its option `record` must be on."""
    return [body["messages"][-1]["content"] for body in simulator.simulator.bodies]

"""Wall time relative to the ideal, `ceil(batches / in flight) * latency`, and to plain asyncio with the same client:
`uv run python -m benchmarks.speed`. The figures of a row are measured one after the other on the same machine."""

import argparse
import asyncio
import os
import time
from pathlib import Path

from openai import AsyncOpenAI
from temporalio.client import Client

from activities.model.endpoints import Endpoints
from activities.model.request_body import build_body
from quire.progress import Result
from quire.request import Request
from recipes.base.recipe import BatchContext
from recipes.base.schema_parts import is_strict
from recipes.planning import Plan, build_plan
from runtime.worker.host import host_worker
from runtime.worker.simulator_process import run_simulator
from tests.support.requests import things_request
from tests.support.servers import run_embedded_server

Shape = tuple[int, int, float]
SHAPES: tuple[Shape, ...] = ((200, 16, 1.0), (1000, 64, 1.0), (1000, 200, 2.0), (2000, 50, 0.05), (5000, 256, 0.5))
"""Batches of one item, calls in flight, seconds per call."""


async def main() -> None:
    """Measure each shape on one embedded server with one worker, which is this process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument(
        "--shape", type=_parse_shape, action="append", help="BATCHES,IN_FLIGHT,SECONDS; may be repeated"
    )
    shapes = parser.parse_args().shape or SHAPES
    print("| batches | in flight | latency s | ideal s | asyncio s | Quire s | Quire / ideal | Quire / asyncio |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    async with run_embedded_server() as (client, store):
        for shape in shapes:
            print(await make_row(client, store, shape), flush=True)


def _parse_shape(text: str) -> Shape:
    batches, width, latency = text.split(",")
    return int(batches), int(width), float(latency)


async def make_row(client: Client, store: str, shape: Shape) -> str:
    """Return one row of the table."""
    batches, width, latency = shape
    ideal = -(-batches // width) * latency
    alone, ours = await measure(client, store, shape)
    return (
        f"| {batches} | {width} | {latency:g} | {ideal:.2f} | {alone:.2f} | {ours:.2f} | {ours / ideal:.3f} | "
        f"{ours / alone:.3f} |"
    )


async def measure(client: Client, store: str, shape: Shape) -> tuple[float, float]:
    """Return the seconds of plain asyncio and of Quire for the same calls."""
    batches, width, latency = shape
    async with run_simulator(("--latency", str(latency))) as address:
        os.environ["OPENAI_BASE_URL"] = address
        alone = await time_plain_asyncio(things_request(store, batches, batching={"size": 1}), width)
    async with run_simulator(("--latency", str(latency))) as address:
        os.environ["OPENAI_BASE_URL"] = address
        ours = await time_quire(client, store, shape)
    return alone, ours


async def time_plain_asyncio(request: Request, width: int) -> float:
    """Return the seconds of Quire's calls made with its client and a semaphore: no retries, no store, no validation."""
    plan = build_plan(request, {}, {})
    endpoints = Endpoints()
    client, places = endpoints.client(plan.request.generator), asyncio.Semaphore(width)
    started = time.perf_counter()
    texts = await asyncio.gather(*(_call_model(client, places, plan, number) for number in range(len(plan.sizes))))
    took = time.perf_counter() - started
    await endpoints.close()
    assert all(texts)
    return took


async def _call_model(client: AsyncOpenAI, places: asyncio.Semaphore, plan: Plan, number: int) -> str | None:
    async with places:
        recipe, slots = plan.recipe, [plan.slots[number]]
        schema = recipe.item_schema(slots)
        messages = [
            {"role": "system", "content": recipe.system()},
            {"role": "user", "content": recipe.task(slots, BatchContext())},
        ]
        body = build_body(plan.request.generator, messages, schema, 1, strictly=is_strict(schema))
        answer = await client.chat.completions.create(**body)
        return answer.choices[0].message.content


async def time_quire(client: Client, store: str, shape: Shape) -> float:
    """Return the seconds of one complete run: plan, calls, artifact, verification."""
    batches, width, _ = shape
    request = things_request(store, batches, batching={"size": 1, "concurrency": width})
    async with host_worker(client):
        started = time.perf_counter()
        result: Result = await client.execute_workflow(
            "GenerateArtifact", request, id=f"speed-{batches}-{width}", task_queue="quire", result_type=Result
        )
        took = time.perf_counter() - started
    assert result.items == batches and (Path(store) / result.workflow_id / "artifact.jsonl").exists()
    return took


if __name__ == "__main__":
    asyncio.run(main())

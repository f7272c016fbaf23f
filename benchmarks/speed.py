"""Wall time over the ideal, `ceil(batches / in flight) * latency`, and over plain asyncio with the same client:
`uv run python -m benchmarks.speed`. All figures of a row are of one run, one after the other, on the same machine."""

import argparse
import asyncio
import os
import time
from pathlib import Path

from openai import AsyncOpenAI
from temporalio.client import Client

from activities.model.endpoints import Endpoints
from activities.model.request_body import body_of
from benchmarks.harness import server, things
from quire.progress import Result
from quire.request import Request
from recipes.base.recipe import Around, strict
from recipes.planning import Plan, lay_out
from runtime.worker.host import hosted
from runtime.worker.simulator_process import simulator

Shape = tuple[int, int, float]
SHAPES: tuple[Shape, ...] = ((200, 16, 1.0), (1000, 64, 1.0), (1000, 200, 2.0), (2000, 50, 0.05), (5000, 256, 0.5))
"""Batches of one item, calls in flight, seconds a call."""


async def main() -> None:
    """Each shape on one embedded server, with one worker process: this one."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed", description=__doc__)
    parser.add_argument("--shape", type=_shape, action="append", help="BATCHES,IN_FLIGHT,SECONDS; may be repeated")
    shapes = parser.parse_args().shape or SHAPES
    print("| batches | in flight | latency s | ideal s | asyncio s | Quire s | Quire / ideal | Quire / asyncio |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    async with server() as (client, store):
        for shape in shapes:
            print(await row(client, store, shape), flush=True)


def _shape(text: str) -> Shape:
    batches, width, latency = text.split(",")
    return int(batches), int(width), float(latency)


async def row(client: Client, store: str, shape: Shape) -> str:
    """One line of the table."""
    batches, width, latency = shape
    ideal = -(-batches // width) * latency
    alone, ours = await measured(client, store, shape)
    return (
        f"| {batches} | {width} | {latency:g} | {ideal:.2f} | {alone:.2f} | {ours:.2f} | {ours / ideal:.3f} | "
        f"{ours / alone:.3f} |"
    )


async def measured(client: Client, store: str, shape: Shape) -> tuple[float, float]:
    """Seconds of plain asyncio and of Quire for the same calls."""
    batches, width, latency = shape
    async with simulator(("--latency", str(latency))) as address:
        os.environ["OPENAI_BASE_URL"] = address
        alone = await plain(things(store, batches, batching={"size": 1}), width)
    async with simulator(("--latency", str(latency))) as address:
        os.environ["OPENAI_BASE_URL"] = address
        ours = await quire(client, store, shape)
    return alone, ours


async def plain(request: Request, width: int) -> float:
    """The calls that Quire would make, with its client and a semaphore: no retries, no store, no check of an answer."""
    plan = lay_out(request, {}, {})
    endpoints = Endpoints()
    client, places = endpoints.client(plan.request.generator), asyncio.Semaphore(width)
    began = time.perf_counter()
    texts = await asyncio.gather(*(_asked(client, places, plan, number) for number in range(len(plan.sizes))))
    took = time.perf_counter() - began
    await endpoints.close()
    assert all(texts)
    return took


async def _asked(client: AsyncOpenAI, places: asyncio.Semaphore, plan: Plan, number: int) -> str | None:
    async with places:
        recipe, slots = plan.recipe, [plan.slots[number]]
        schema = recipe.item_schema(slots)
        messages = [
            {"role": "system", "content": recipe.system()},
            {"role": "user", "content": recipe.task(slots, Around())},
        ]
        body = body_of(plan.request.generator, messages, schema, 1, strictly=strict(schema))
        answer = await client.chat.completions.create(**body)
        return answer.choices[0].message.content


async def quire(client: Client, store: str, shape: Shape) -> float:
    """One whole run: plan, calls, artifact, check."""
    batches, width, _ = shape
    request = things(store, batches, batching={"size": 1, "concurrency": width})
    async with hosted(client):
        began = time.perf_counter()
        result: Result = await client.execute_workflow(
            "GenerateArtifact", request, id=f"speed-{batches}-{width}", task_queue="quire", result_type=Result
        )
        took = time.perf_counter() - began
    assert result.items == batches and (Path(store) / result.workflow_id / "artifact.jsonl").exists()
    return took


if __name__ == "__main__":
    asyncio.run(main())

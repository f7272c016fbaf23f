"""Record the histories that the tests replay: `uv run python -m tests.record_histories`, after a landed change.

A case that has its file already is left alone: the older a history, the more its replay shows. Remove a file to record
it again.
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from quire import sharding
from quire.progress import Progress, Result
from runtime.temporal import embedded_server
from runtime.worker.host import hosted
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import example

HERE = Path(__file__).parent / "histories"
SMALL = {"size": 2}
IN_SHARDS = ("sharded", "sharded-told")
SMALL_SHARDS, USUAL_SHARDS = (10, 8), (sharding.SHARDED, sharding.MOST)
"""So that a recorded run in shards is a small one; it must be replayed by the same figures."""
CASES: dict[str, tuple[str, Options, dict[str, Any]]] = {
    "plain": ("oq_suite", Options(), {"target": 12}),
    "cut-off": ("oq_suite", Options(), {"target": 12, "model": {"name": "gpt-4o", "max_output_tokens": 1200}}),
    "faults": (
        "oq_suite",
        Options(rate_limit=0.2, server_error=0.1, bad_json=0.2, too_few=0.2, retry_after=0.1),
        {"target": 12, "batching": SMALL},
    ),
    "refused": ("oq_suite", Options(refusal=0.5), {"target": 12, "batching": SMALL}),
    "cancelled": ("oq_suite", Options(latency=0.3), {"target": 12, "batching": SMALL | {"concurrency": 2}}),
    "lanes": ("topic_dataset", Options(too_few=0.3, bad_json=0.2), {"target": 60, "batching": {"size": 4}}),
    "fallback": ("roadmap", Options(poison="week 5|Week 5"), {}),
    "bisected": ("oq_suite", Options(poison="slot 7:"), {"target": 12, "retry": {"attempts": 1}}),
    "hedged": (
        "oq_suite",
        Options(latency=0.1, slow=0.2, slow_seconds=3),
        {"target": 20, "batching": {"size": 1, "concurrency": 4, "hedge": {"after": 3}}},
    ),
    "steered": (
        "oq_suite",
        Options(latency=0.3, poison="slot 2:"),
        {
            "target": 10,
            "batching": {"size": 1, "concurrency": 1},
            "retry": {"attempts": 1},
            "approve": "plan",
            "budget": {"tokens": 100_000},
        },
    ),
    "several": ("oq_suite", Options(too_few=0.05), {"target": 90, "batching": {"size": 1, "concurrency": 24}}),
    "relayed": (
        "oq_suite",
        Options(latency=0.05, server_error=0.02, bad_json=0.02),
        {"target": 200, "batching": {"size": 1, "concurrency": 24}},
    ),
    "sharded": ("oq_suite", Options(), {"target": 40, "batching": {"size": 1, "concurrency": 8}}),
    "sharded-told": (
        "oq_suite",
        Options(latency=0.1, too_few=0.1),
        {"target": 40, "batching": {"size": 1, "concurrency": 8}},
    ),
    "logged": (
        "oq_suite",
        Options(),
        {"target": 12, "batching": SMALL, "output": {"mlflow": {"tracking_uri": "http://127.0.0.1:9"}}},
    ),
    "two-models-and-twins": ("eval_dataset", Options(duplicates=0.3, strictness=0.2), {}),
}


async def steer(handle: WorkflowHandle[Any, Result]) -> None:
    """Every message once, while the run lasts."""
    await asyncio.sleep(1)
    await handle.execute_update("approve")
    while not (await handle.query("progress", result_type=Progress)).failed:
        await asyncio.sleep(0.1)
    await handle.signal("pause")
    await handle.execute_update("set_concurrency", 3)
    await handle.execute_update("raise_budget", args=[200_000, None])
    await handle.execute_update("extend", 3)
    await handle.execute_update("retry_failed")
    await handle.signal("resume")


async def record(client: Client, name: str, store: str) -> None:
    """Run one case and keep its history; the paths of this machine stay out of it."""
    recipe, options, changes = CASES[name]
    with SimulatorServer(options) as server:
        os.environ["OPENAI_BASE_URL"] = server.base_url
        async with hosted(client):
            handle = await client.start_workflow(
                "GenerateArtifact",
                example(recipe, Path(store), **changes),
                id=f"history-{name}",
                task_queue="quire",
                result_type=Result,
            )
            if name == "cancelled":
                await asyncio.sleep(1)
                await handle.cancel()
            if name == "steered":
                await steer(handle)
            result = await handle.result()
    print(f"{name}: {result.verdict}, {result.rounds} rounds, {result.duplicates_rejected} twins, {result.fallbacks}")
    await keep(handle, name)
    if name == "sharded":
        await keep(client.get_workflow_handle(f"history-{name}/shard-002"), f"{name}-shard")


async def keep(handle: WorkflowHandle[Any, Any], name: str) -> None:
    """Write a history down."""
    text = (await handle.fetch_history()).to_json().replace(f"{Path.cwd()}/", "")
    (HERE / f"{name}.json").write_text(text)


async def main() -> None:
    """Every case that has no file, on a server of its own, in a folder that is named by no machine."""
    os.environ.pop("OPENAI_API_KEY", None)
    with tempfile.TemporaryDirectory() as store:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
            data_converter=pydantic_data_converter,
        ) as environment:
            await embedded_server.prepare(environment.client)
            for name in CASES:
                sharding.SHARDED, sharding.MOST = SMALL_SHARDS if name in IN_SHARDS else USUAL_SHARDS
                if not (HERE / f"{name}.json").exists():
                    await record(environment.client, name, store)


if __name__ == "__main__":
    asyncio.run(main())

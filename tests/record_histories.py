"""Record the histories that the tests replay: `uv run python -m tests.record_histories`.

A case that has its file already is skipped: the older a history, the more its replay proves. Delete a file to record it
again.
"""

import asyncio
import base64
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from quire import sharding
from quire.progress import Progress, Result
from runtime.temporal import embedded_server
from runtime.worker.host import host_worker
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.requests import example_request

HISTORIES = Path(__file__).parent / "histories"
SMALL = {"size": 2}
IN_SHARDS = ("sharded", "sharded-retries")
SMALL_SHARDS, USUAL_SHARDS = (10, 8), (sharding.UNSHARDED_BATCHES, sharding.SHARD_BATCHES)
"""Open batches from which a run goes to shards, and batches of a shard: small figures make the recorded runs small. A
history must be replayed with the figures it was recorded with."""
CASES: dict[str, tuple[str, Options, dict[str, Any]]] = {
    "plain": ("oq_suite", Options(), {"target": 12}),
    "cut-off": ("oq_suite", Options(), {"target": 12, "model": {"name": "gpt-4o", "max_output_tokens": 1200}}),
    "faults": (
        "oq_suite",
        Options(rate_limit=0.2, server_error=0.1, bad_json=0.2, too_few=0.2, retry_after=0.1),
        {"target": 12, "batching": SMALL},
    ),
    "refused": ("oq_suite", Options(refusal=0.5), {"target": 12, "batching": SMALL}),
    "cancelled": ("oq_suite", Options(latency=0.8), {"target": 12, "batching": SMALL | {"concurrency": 2}}),
    "lanes": ("topic_dataset", Options(too_few=0.3, bad_json=0.2), {"target": 60, "batching": {"size": 4}}),
    "fallback": ("roadmap", Options(poison="week 5|Week 5"), {}),
    "bisected": ("oq_suite", Options(poison="slot 7:"), {"target": 12, "retry": {"attempts": 1}}),
    "hedged": (
        "oq_suite",
        Options(latency=0.1, slow=0.4, slow_seconds=3),
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
    "bundled": ("oq_suite", Options(too_few=0.05), {"target": 90, "batching": {"size": 1, "concurrency": 24}}),
    "bundled-faults": (
        "oq_suite",
        Options(latency=0.05, server_error=0.02, bad_json=0.02),
        {"target": 200, "batching": {"size": 1, "concurrency": 24}},
    ),
    "sharded": ("oq_suite", Options(), {"target": 40, "batching": {"size": 1, "concurrency": 8}}),
    "sharded-retries": (
        "oq_suite",
        Options(latency=0.1, too_few=0.1),
        {"target": 40, "batching": {"size": 1, "concurrency": 8}},
    ),
    "logged": (
        "oq_suite",
        Options(),
        {"target": 12, "batching": SMALL, "output": {"mlflow": {"tracking_uri": "http://127.0.0.1:9"}}},
    ),
    "two-models-and-duplicates": ("eval_dataset", Options(duplicates=0.3, strictness=0.2), {}),
}


async def send_every_message(handle: WorkflowHandle[Any, Result]) -> None:
    """Send every message once while the run lasts."""
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


async def record_case(client: Client, name: str, store: str) -> None:
    """Run one case and write its history, without paths of this machine."""
    recipe, options, changes = CASES[name]
    with SimulatorServer(options) as server:
        os.environ["OPENAI_BASE_URL"] = server.base_url
        async with host_worker(client):
            handle = await client.start_workflow(
                "GenerateArtifact",
                example_request(recipe, Path(store), **changes),
                id=f"history-{name}",
                task_queue="quire",
                result_type=Result,
            )
            if name == "cancelled":
                await asyncio.sleep(1)
                await handle.cancel()
            if name == "steered":
                await send_every_message(handle)
            result = await handle.result()
    print(
        f"{name}: {result.verdict}, {result.rounds} rounds, {result.duplicates_rejected} duplicates, "
        f"{result.fallbacks} from templates"
    )
    await write_history(handle, name, store)
    if name == "sharded":
        await write_history(client.get_workflow_handle(f"history-{name}/shard-002"), f"{name}-shard", store)


async def write_history(handle: WorkflowHandle[Any, Any], name: str, store: str) -> None:
    """Write a history to its file."""
    history = json.loads((await handle.fetch_history()).to_json())
    anonymous = remove_machine_paths(history, {f"{Path.cwd()}/": "", store: "store"})
    (HISTORIES / f"{name}.json").write_text(json.dumps(anonymous, indent=2))


def remove_machine_paths(node: Any, replacements: dict[str, str]) -> Any:
    """Return a history, or a part of it, without paths of this machine, in payloads too, and without stack traces."""
    if isinstance(node, list):
        return [remove_machine_paths(part, replacements) for part in cast(list[Any], node)]
    if not isinstance(node, dict):
        return node
    fields = cast(dict[str, Any], node)
    result = {key: remove_machine_paths(value, replacements) for key, value in fields.items() if key != "stackTrace"}
    if isinstance(data := result.get("data"), str):
        payload = base64.b64decode(data)
        for path, name in replacements.items():
            payload = payload.replace(path.encode(), name.encode())
        result["data"] = base64.b64encode(payload).decode()
    return result


async def main() -> None:
    """Record every case that has no file, on a server of its own, with a store in a temporary folder."""
    os.environ.pop("OPENAI_API_KEY", None)
    with tempfile.TemporaryDirectory() as store:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
            data_converter=pydantic_data_converter,
        ) as environment:
            await embedded_server.prepare_namespace(environment.client)
            for name in CASES:
                sharding.UNSHARDED_BATCHES, sharding.SHARD_BATCHES = SMALL_SHARDS if name in IN_SHARDS else USUAL_SHARDS
                if not (HISTORIES / f"{name}.json").exists():
                    await record_case(environment.client, name, store)


if __name__ == "__main__":
    asyncio.run(main())

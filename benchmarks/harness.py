"""What the benchmarks share: a real server, a worker, a simulator, one request after another."""

import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from quire.progress import Result
from quire.request import Request
from runtime import logs
from runtime.worker import hosted
from simulator.options import Options
from simulator.server import SimulatorServer

ITEM: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "text", "value"],
    "properties": {
        "title": {"type": "string", "minLength": 4},
        "text": {"type": "string", "minLength": 300},
        "value": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    },
}
"""An item of about a hundred tokens that is easy to check."""


def things(store: str, count: int, **changes: Any) -> Request:
    """A request for so many items."""
    inputs = {
        "item": ITEM,
        "instructions": "Make things.",
        "prompt": "thing {{ index }}",
        "slots": {"count": count},
    }
    said: dict[str, Any] = {
        "recipe": "custom",
        "inputs": inputs,
        "model": {"name": "gpt-4o-mini"},
        "reuse": False,
        "output": {"store": store, "formats": ["jsonl"]},
    }
    return Request.model_validate(said | changes)


@asynccontextmanager
async def server() -> AsyncGenerator[tuple[Client, str]]:
    """A client of a real server, and a folder for a store."""
    os.environ.pop("OPENAI_API_KEY", None)
    logs.configure()
    with tempfile.TemporaryDirectory() as store:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
            dev_server_log_level="error",
            data_converter=pydantic_data_converter,
        ) as environment:
            yield environment.client, store


async def run(client: Client, request: Request, name: str, options: Options) -> tuple[Result, dict[str, Any]]:
    """One run to its end with a worker and a simulator of its own; its result and the simulator's counts."""
    with SimulatorServer(options) as model:
        os.environ["OPENAI_BASE_URL"] = model.base_url
        async with hosted(client):
            result: Result = await client.execute_workflow(
                "GenerateArtifact", request, id=name, task_queue="quire", result_type=Result
            )
        return result, model.stats()

"""What the benchmarks share: a real server, a worker, a simulator, one request after another."""

import os
import random
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from temporalio.client import Client

from quire.progress import Result
from quire.request import Request
from runtime import logs
from runtime.temporal import embedded_server
from runtime.temporal.connection import connected
from runtime.worker.host import hosted
from simulator.options import Options
from simulator.server import SimulatorServer, listening

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
    """A client of an embedded server like the one that `starter.py` starts, and a folder for a store."""
    os.environ.pop("OPENAI_API_KEY", None)
    logs.configure()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        os.environ |= {"QUIRE_HOME": str(home), "QUIRE_PORT": str(free_port())}
        try:
            async with connected(start_embedded=True) as connection:
                yield connection.client, str(Path(folder) / "store")
        finally:
            await embedded_server.stop(home)


def free_port() -> int:
    """A port whose neighbour a thousand above, the Web UI's, is free too. Those from 32768 on are for connections."""
    for port in random.sample(range(20_000, 31_000), 1000):
        with suppress(OSError):
            for one in (port, port + 1000):
                listening(one).close()
            return port
    raise SystemExit("no two ports are free")


async def run(client: Client, request: Request, name: str, options: Options) -> tuple[Result, dict[str, Any]]:
    """One run to its end with a worker and a simulator of its own; its result and the simulator's counts."""
    with SimulatorServer(options) as model:
        os.environ["OPENAI_BASE_URL"] = model.base_url
        async with hosted(client):
            result: Result = await client.execute_workflow(
                "GenerateArtifact", request, id=name, task_queue="quire", result_type=Result
            )
        return result, model.stats()

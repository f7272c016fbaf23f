"""Record the histories that the tests replay: `uv run python -m tests.record_histories`, after a landed change."""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from quire.progress import Result
from quire.request import Request
from runtime import embedded
from runtime.worker import hosted
from simulator.options import Options
from simulator.server import SimulatorServer

HERE = Path(__file__).parent / "histories"
URS = "examples/urs/chromatography.md"
CASES: dict[str, tuple[Options, dict[str, object]]] = {
    "plain": (Options(), {}),
    "cut-off": (Options(), {"model": {"name": "gpt-4o", "max_output_tokens": 1200}}),
    "faults": (
        Options(rate_limit=0.2, server_error=0.1, bad_json=0.2, too_few=0.2, retry_after=0.1),
        {"batching": {"size": 2}},
    ),
    "refused": (Options(refusal=0.5), {"batching": {"size": 2}}),
    "cancelled": (Options(latency=0.3), {"batching": {"size": 2, "concurrency": 2}}),
}


async def record(client: Client, name: str, store: str) -> None:
    """Run one case and keep its history; the paths of this machine stay out of it."""
    options, changes = CASES[name]
    said = {"recipe": "oq_suite", "inputs": {"urs": URS, "gamp_category": 5}, "target": 12, "output": {"store": store}}
    with SimulatorServer(options) as server:
        os.environ["OPENAI_BASE_URL"] = server.base_url
        async with hosted(client):
            handle = await client.start_workflow(
                "GenerateArtifact",
                Request.model_validate(said | changes),
                id=f"history-{name}",
                task_queue="quire",
                result_type=Result,
            )
            if name == "cancelled":
                await asyncio.sleep(1)
                await handle.cancel()
            await handle.result()
    text = (await handle.fetch_history()).to_json().replace(f"{Path.cwd()}/", "")
    (HERE / f"{name}.json").write_text(text)


async def main() -> None:
    """Every case, on a server of its own, in a folder that is named by no machine."""
    os.environ.pop("OPENAI_API_KEY", None)
    with tempfile.TemporaryDirectory() as store:
        async with await WorkflowEnvironment.start_local(
            dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
            data_converter=pydantic_data_converter,
        ) as environment:
            await embedded.prepare(environment.client)
            for name in CASES:
                await record(environment.client, name, store)


if __name__ == "__main__":
    asyncio.run(main())

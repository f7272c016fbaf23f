"""A long history continues as new: on a server that suggests it after fifty events."""

import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest_asyncio
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import WorkflowEnvironment

from quire.progress import Result
from runtime.temporal import embedded_server
from simulator.options import Options
from tests.support.requests import batched_things_request, example_request
from tests.support.runs import assert_complete, read_items
from tests.support.workers import run_worker


@pytest_asyncio.fixture(scope="module")
async def impatient() -> AsyncGenerator[Client]:
    async with await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(Path(sys.executable).with_name("temporal")),
        dev_server_extra_args=["--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=50"],
        data_converter=pydantic_data_converter,
    ) as environment:
        await embedded_server.prepare_namespace(environment.client)
        yield environment.client


async def run_and_count_histories(client: Client, request, name: str) -> tuple[Result, int]:
    """Return the result, and the number of histories of the run."""
    async with run_worker(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id=name, task_queue="quire", result_type=Result
        )
        result = await handle.result()
    executions = [run async for run in client.list_workflows(f"WorkflowId = '{name}'")]
    return result, len(executions)


async def test_a_run_continues_in_new_histories_and_ends_exact(impatient, simulator, tmp_path):
    simulator.simulator.options = Options(too_few=0.2, bad_json=0.1, duplicates=0.1)
    duplicates = {"method": "exact", "fields": ["text"], "rounds": 12}
    request = batched_things_request(tmp_path, 120, batching={"size": 2, "concurrency": 4}, duplicates=duplicates)
    result, chain = await run_and_count_histories(impatient, request, "continued")
    assert_complete(tmp_path, "continued", result, 120)
    assert chain >= 2 and result.usage.calls == simulator.stats()["answered"]


async def test_lanes_continue_across_histories(impatient, simulator, tmp_path):
    request = example_request("topic_dataset", tmp_path, batching={"size": 2, "concurrency": 8})
    result, chain = await run_and_count_histories(impatient, request, "continued-lanes")
    assert (result.verdict, result.items, result.warnings) == ("complete", 120, []) and chain >= 2
    cases = {(line["metadata"]["uuid"], line["metadata"]["cycle"]) for line in read_items(tmp_path, "continued-lanes")}
    assert len(cases) == 120

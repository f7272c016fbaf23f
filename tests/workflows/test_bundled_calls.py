"""Short calls are bundled, several in one activity, within the run's concurrency."""

import asyncio

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from quire.contracts import GenerateSeveralInput, GenerateSeveralResult
from quire.progress import Progress, Result
from simulator.options import Options
from tests.support.requests import batched_things_request
from tests.support.runs import assert_complete, connect_again
from tests.support.workers import run_worker
from workflows.run import batch


async def run_things(client: Client, tmp_path, name: str, count: int, **batching) -> Result:
    request = batched_things_request(tmp_path, count, batching={"size": 1, **batching})
    return await client.execute_workflow("GenerateArtifact", request, id=name, task_queue="quire", result_type=Result)


async def list_bundles(client: Client, name: str) -> list[tuple[int, int]]:
    """Return the calls and the outcomes of each activity that made several calls."""
    bundles, calls = list[tuple[int, int]](), dict[int, int]()
    decode = pydantic_data_converter.decode
    async for event in client.get_workflow_handle(name).fetch_history_events():
        scheduled, completed = (
            event.activity_task_scheduled_event_attributes,
            event.activity_task_completed_event_attributes,
        )
        if scheduled.activity_type.name == "generate_several":
            (input,) = await decode(scheduled.input.payloads, [GenerateSeveralInput])
            calls[event.event_id] = len(input.calls)
        elif completed.scheduled_event_id in calls:
            (result,) = await decode(completed.result.payloads, [GenerateSeveralResult])
            bundles.append((calls[completed.scheduled_event_id], len(result.outcomes)))
    return bundles


@pytest.mark.parametrize("workers", [1, 2])
async def test_bundled_calls_keep_to_the_runs_concurrency(client, simulator, tmp_path, workers):
    simulator.simulator.options = Options(latency=0.1)
    name = f"bundled-{workers}"
    async with run_worker(client):
        if workers == 1:
            result = await run_things(client, tmp_path, name, 400, concurrency=24)
        else:
            async with run_worker(await connect_again(client)):
                result = await run_things(client, tmp_path, name, 400, concurrency=24)
    assert_complete(tmp_path, name, result, 400)
    bundles = await list_bundles(client, name)
    assert len(bundles) > 5 and sum(calls for calls, _ in bundles) > 200
    assert simulator.stats()["max_in_flight"] <= 24
    assert result.usage.calls == simulator.stats()["answered"] == 400


async def test_failed_calls_of_a_bundle_are_retried_one_by_one(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.05, server_error=0.1, drop=0.05, rate_limit=0.05, retry_after=0.05)
    async with run_worker(client):
        result = await run_things(client, tmp_path, "bundled-faults", 300, concurrency=24)
    assert_complete(tmp_path, "bundled-faults", result, 300)
    assert simulator.stats()["max_in_flight"] <= 24


async def test_a_bundle_ends_early_when_its_calls_become_long(client, simulator, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "START_WINDOW", 0.5)
    simulator.simulator.options = Options(latency=1.0)
    async with run_worker(client):
        result = await run_things(client, tmp_path, "bundled-long", 160, concurrency=32)
    assert_complete(tmp_path, "bundled-long", result, 160)
    assert any(outcomes < calls for calls, outcomes in await list_bundles(client, "bundled-long"))
    assert result.usage.calls == simulator.stats()["answered"] == 160


@pytest.mark.parametrize("order", ["pause", "concurrency"])
async def test_a_pause_and_a_lower_concurrency_are_obeyed(client, simulator, tmp_path, order):
    simulator.simulator.options = Options(latency=0.1)
    async with run_worker(client):
        request = batched_things_request(tmp_path, 1500, batching={"size": 1, "concurrency": 24})
        handle = await client.start_workflow(
            "GenerateArtifact", request, id=f"obeys-{order}", task_queue="quire", result_type=Result
        )
        async with asyncio.timeout(60):
            while (await handle.query("progress", result_type=Progress)).items < 100:
                await asyncio.sleep(0.05)
            if order == "pause":
                await handle.signal("pause")
                while (await handle.query("progress", result_type=Progress)).in_flight:
                    await asyncio.sleep(0.05)
                answered = simulator.stats()["answered"]
                await asyncio.sleep(1)
                assert simulator.stats()["answered"] == answered < 1500
                await handle.signal("resume")
            else:
                await handle.execute_update("set_concurrency", 4)
                while (await handle.query("progress", result_type=Progress)).in_flight > 4:
                    await asyncio.sleep(0.05)
                simulator.simulator.stats.max_in_flight = 0
                await asyncio.sleep(1)
                assert simulator.stats()["max_in_flight"] <= 4
                await handle.execute_update("set_concurrency", 24)
        assert_complete(tmp_path, f"obeys-{order}", await handle.result(), 1500)

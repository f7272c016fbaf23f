"""Short calls: several in one activity, and the next activity stands behind it. The run's width holds all the while."""

import asyncio

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from quire.contracts import GenerateSeveralInput
from quire.progress import Progress, Result
from runtime.worker import hosted
from simulator.options import Options
from tests.workflows.test_endpoint import exact, things
from tests.workflows.test_keeping_to_rates import another


async def made(client: Client, tmp_path, name: str, count: int, **batching) -> Result:
    request = things(tmp_path, count, batching={"size": 1, **batching})
    return await client.execute_workflow("GenerateArtifact", request, id=name, task_queue="quire", result_type=Result)


async def several_in(client: Client, name: str) -> list[GenerateSeveralInput]:
    found: list[GenerateSeveralInput] = []
    async for event in client.get_workflow_handle(name).fetch_history_events():
        said = event.activity_task_scheduled_event_attributes
        if said.activity_type.name == "generate_several":
            given = await pydantic_data_converter.decode(said.input.payloads, [GenerateSeveralInput])
            found.append(given[0])
    return found


async def test_the_next_activity_stands_behind_and_the_width_holds(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1)
    async with hosted(client):
        result = await made(client, tmp_path, "relayed", 600, concurrency=24)
    exact(tmp_path, "relayed", result, 600)
    assert sum(bool(given.behind) for given in await several_in(client, "relayed")) > 5
    assert 20 <= simulator.stats()["max_in_flight"] <= 24
    assert result.usage.calls == simulator.stats()["answered"] == 600


async def test_with_two_workers_the_width_holds_as_well(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1)
    async with hosted(client), hosted(await another(client)):
        result = await made(client, tmp_path, "two-relays", 400, concurrency=24)
    exact(tmp_path, "two-relays", result, 400)
    assert simulator.stats()["max_in_flight"] <= 24
    assert result.usage.calls == simulator.stats()["answered"] == 400
    given = await several_in(client, "two-relays")
    assert not any(one.behind for one in given[len(given) // 2 :])  # only of the first ones nobody knows better


async def test_calls_that_fail_in_such_an_activity_are_sent_again_one_by_one(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.05, server_error=0.1, drop=0.05, rate_limit=0.05, retry_after=0.05)
    async with hosted(client):
        result = await made(client, tmp_path, "relayed-faults", 300, concurrency=24)
    exact(tmp_path, "relayed-faults", result, 300)
    assert simulator.stats()["max_in_flight"] <= 24


async def test_nothing_waits_behind_calls_that_are_long(client, simulator, tmp_path, monkeypatch):
    monkeypatch.setattr("workflows.pump.LATEST", 0.5)
    simulator.simulator.options = Options(latency=1.0)
    async with hosted(client):
        result = await made(client, tmp_path, "long", 160, concurrency=32)
    exact(tmp_path, "long", result, 160)
    given = await several_in(client, "long")
    assert given and not any(one.behind for one in given[len(given) // 2 :])


@pytest.mark.parametrize("order", ["pause", "width"])
async def test_a_pause_and_a_narrower_width_are_heeded(client, simulator, tmp_path, order):
    simulator.simulator.options = Options(latency=0.1)
    async with hosted(client):
        request = things(tmp_path, 1500, batching={"size": 1, "concurrency": 24})
        handle = await client.start_workflow(
            "GenerateArtifact", request, id=f"heeds-{order}", task_queue="quire", result_type=Result
        )
        async with asyncio.timeout(60):
            while (await handle.query("progress", result_type=Progress)).items < 100:
                await asyncio.sleep(0.05)
            if order == "pause":
                await handle.signal("pause")
                while (await handle.query("progress", result_type=Progress)).in_flight:
                    await asyncio.sleep(0.05)
                made_so_far = simulator.stats()["answered"]
                await asyncio.sleep(1)
                assert simulator.stats()["answered"] == made_so_far < 1500
                await handle.signal("resume")
            else:
                await handle.execute_update("set_concurrency", 4)
                while (await handle.query("progress", result_type=Progress)).in_flight > 4:
                    await asyncio.sleep(0.05)
                simulator.simulator.tally.max_in_flight = 0
                await asyncio.sleep(1)
                assert simulator.stats()["max_in_flight"] <= 4
                await handle.execute_update("set_concurrency", 24)
        exact(tmp_path, f"heeds-{order}", await handle.result(), 1500)

"""Short calls: several in one activity, and the next activity stands behind it. The run's width holds all the while."""

import asyncio

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from quire.contracts import GenerateSeveralInput, Several
from quire.progress import Progress, Result
from runtime.worker.host import hosted
from simulator.options import Options
from tests.workflows.test_endpoint import exact, things
from tests.workflows.test_keeping_to_rates import another


async def made(client: Client, tmp_path, name: str, count: int, **batching) -> Result:
    request = things(tmp_path, count, batching={"size": 1, **batching})
    return await client.execute_workflow("GenerateArtifact", request, id=name, task_queue="quire", result_type=Result)


async def several_in(client: Client, name: str) -> list[tuple[bool, int]]:
    """Of each activity of several calls: whether it was to stand behind another, and how many workers the run had heard
    of when it sent it. What ends during a workflow task is in the history behind what that task sends."""
    found, workers, kinds = list[tuple[bool, int]](), set[str](), dict[int, str]()
    decode = pydantic_data_converter.decode
    async for event in client.get_workflow_handle(name).fetch_history_events():
        sent, done = event.activity_task_scheduled_event_attributes, event.activity_task_completed_event_attributes
        kinds[event.event_id] = sent.activity_type.name
        if sent.activity_type.name == "generate_several":
            (given,) = await decode(sent.input.payloads, [GenerateSeveralInput])
            found.append((bool(given.behind), len(workers)))
        elif kinds.get(done.scheduled_event_id) == "generate_several":
            (made,) = await decode(done.result.payloads, [Several])
            workers.add(made.worker)
    return found


async def test_the_next_activity_stands_behind_and_the_width_holds(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.5)  # twenty calls take a while to begin on a busy machine
    async with hosted(client):
        result = await made(client, tmp_path, "relayed", 400, concurrency=24)
    exact(tmp_path, "relayed", result, 400)
    assert sum(behind for behind, _ in await several_in(client, "relayed")) > 5
    assert 20 <= simulator.stats()["max_in_flight"] <= 24
    assert result.usage.calls == simulator.stats()["answered"] == 400


async def test_with_two_workers_the_width_holds_as_well(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1)
    async with hosted(client), hosted(await another(client)):
        result = await made(client, tmp_path, "two-relays", 400, concurrency=24)
    exact(tmp_path, "two-relays", result, 400)
    assert simulator.stats()["max_in_flight"] <= 24
    assert result.usage.calls == simulator.stats()["answered"] == 400
    sent = await several_in(client, "two-relays")
    assert max(workers for _, workers in sent) == 2
    assert not any(behind for behind, workers in sent if workers == 2)


async def test_calls_that_fail_in_such_an_activity_are_sent_again_one_by_one(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.05, server_error=0.1, drop=0.05, rate_limit=0.05, retry_after=0.05)
    async with hosted(client):
        result = await made(client, tmp_path, "relayed-faults", 300, concurrency=24)
    exact(tmp_path, "relayed-faults", result, 300)
    assert simulator.stats()["max_in_flight"] <= 24


async def test_nothing_waits_behind_calls_that_are_long(client, simulator, tmp_path, monkeypatch):
    monkeypatch.setattr("workflows.run.batch_loop.LATEST", 0.5)
    simulator.simulator.options = Options(latency=1.0)
    async with hosted(client):
        result = await made(client, tmp_path, "long", 160, concurrency=32)
    exact(tmp_path, "long", result, 160)
    sent = await several_in(client, "long")
    assert any(behind for behind, _ in sent), "of the first ones nobody knows how long they take"
    assert not any(behind for behind, workers in sent if workers)


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

"""A very large run is split into shards: exact, steered as one, and a lost shard is restarted. "Very large" means more
than ten batches here."""

import asyncio
from datetime import timedelta
from typing import cast

import pytest
from temporalio import workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError
from temporalio.worker import Worker
from temporalio.workflow import ChildWorkflowHandle

from quire import sharding
from quire.request import Budget
from simulator.options import Options
from tests.support.requests import batched_things_request, example_request, oq_request
from tests.support.runs import assert_complete, get_prompts, read_items, start_run, wait_for_progress
from tests.support.workers import run_worker
from workflows.shard_dispatcher import send_orders
from workflows.shards.tracker import Shard
from workflows.state.shard_messages import ShardInput


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "UNSHARDED_BATCHES", 10)
    monkeypatch.setattr(sharding, "SHARD_BATCHES", 8)


async def list_shards(client: Client, name: str) -> list:
    for _ in range(100):
        query = f"WorkflowType = 'GenerateShard' AND ParentWorkflowId = '{name}'"
        executions = [execution async for execution in client.list_workflows(query)]
        if executions:
            return sorted(executions, key=lambda execution: execution.id)
        await asyncio.sleep(0.1)
    return []


async def test_a_run_in_shards_is_exact_whatever_the_endpoint_does(client, simulator, tmp_path):
    simulator.simulator.options = Options(
        too_few=0.2, bad_json=0.1, server_error=0.1, rate_limit=0.1, retry_after=0.05, duplicates=0.1
    )
    duplicates = {"method": "exact", "fields": ["text"], "rounds": 12}
    request = batched_things_request(tmp_path, 120, batching={"size": 2, "concurrency": 12}, duplicates=duplicates)
    async with run_worker(client):
        handle = await start_run(client, request, "sharded")
        result = await handle.result()
    assert_complete(tmp_path, "sharded", result, 120)
    assert result.batches.completed == 60 and result.usage.calls == simulator.stats()["answered"]
    shards = await list_shards(client, "sharded")
    assert len(shards) >= 8 and shards[0].id == "sharded/shard-001"


async def test_a_lane_stays_in_one_shard_and_groups_are_counted(client, simulator, tmp_path):
    simulator.simulator.options = Options(too_few=0.2, record=True)
    request = example_request("topic_dataset", tmp_path, batching={"size": 2, "concurrency": 8})
    async with run_worker(client):
        result = await (await start_run(client, request, "sharded-lanes")).result()
    assert (result.verdict, result.items, result.warnings) == ("complete", 120, [])
    assert len(await list_shards(client, "sharded-lanes")) > 1
    cases = {(line["metadata"]["uuid"], line["metadata"]["cycle"]) for line in read_items(tmp_path, "sharded-lanes")}
    assert len(cases) == 120
    assert [(group.items, group.target) for group in result.groups] == [(group.target,) * 2 for group in result.groups]
    later_prompts = [prompt for prompt in get_prompts(simulator) if "lready" in prompt]
    assert later_prompts, "a batch of a lane reads the one before it"


async def test_pause_concurrency_finish_and_resume_reach_all_shards(client, simulator, tmp_path, monkeypatch):
    monkeypatch.setattr(sharding, "SHARD_BATCHES", 120)
    simulator.simulator.options = Options(latency=0.1)
    request = batched_things_request(tmp_path, 1100, batching={"size": 1, "concurrency": 8})
    async with run_worker(client):
        handle = await start_run(client, request, "sharded-steered")
        await wait_for_progress(handle, lambda p: p.items > 0)
        await handle.signal("pause")
        await wait_for_progress(handle, lambda p: p.stage == "paused" and not p.in_flight)
        calls = simulator.stats()["calls"]
        await asyncio.sleep(1)
        assert simulator.stats()["calls"] == calls, "nothing starts while it is paused"
        await handle.execute_update("set_concurrency", 24)
        simulator.simulator.options = Options(latency=1.0)  # a busy machine takes a while to begin ten calls
        await handle.signal("resume")
        simulator.simulator.stats.max_in_flight = 0
        await wait_for_progress(handle, lambda p: p.items > calls + 40)
        assert 8 < simulator.stats()["max_in_flight"] <= 24
        await handle.signal("finish_now")
        result = await handle.result()
    assert result.verdict == "partial" and result.items == simulator.stats()["answered"]
    assert len(read_items(tmp_path, "sharded-steered")) == result.items
    assert result.failed_total == 1100 - result.items


async def test_cancelling_keeps_the_finished_items_of_every_shard(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.2)
    async with run_worker(client):
        handle = await start_run(
            client, batched_things_request(tmp_path, 200, batching={"size": 1, "concurrency": 8}), "sharded-cancelled"
        )
        await wait_for_progress(handle, lambda p: p.items > 0)
        await handle.cancel()
        result = await handle.result()
    assert result.verdict == "cancelled" and result.items == simulator.stats()["answered"]
    for shard in await list_shards(client, "sharded-cancelled"):  # the list itself may lag behind
        description = await client.get_workflow_handle(shard.id).describe()
        assert description.status != WorkflowExecutionStatus.RUNNING


async def test_failed_slots_of_shards_are_reopened_and_the_plan_extended(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.3, poison=r"slot (3|10|25):")
    batching = {"size": 1, "concurrency": 4}
    request = oq_request(tmp_path, target=60, batching=batching, retry={"attempts": 1}, on_failure="skip")
    async with run_worker(client):
        handle = await start_run(client, request, "sharded-retried")
        await wait_for_progress(handle, lambda p: p.failed == 3)  # a slot that fails later is not opened again by this
        simulator.simulator.options = Options(latency=0.3)
        assert "open again" in await handle.execute_update("retry_failed")
        assert await handle.execute_update("extend", 30) == "90 tests in all"
        simulator.simulator.options = Options(latency=0.05)
        result = await handle.result()
    assert (result.verdict, result.items) == ("complete", 90)
    assert result.batches.completed == 90


@pytest.mark.parametrize("turn", range(3))  # in about one of three a shard ends before it is told
async def test_failed_slots_of_a_shard_are_reopened_although_it_ends_before_its_orders_arrive(
    turn, client, simulator, tmp_path
):
    simulator.simulator.options = Options(latency=0.2, poison=r"slot (5|13|20):")  # the last but two of three shards
    batching = {"size": 1, "concurrency": 4}
    request = oq_request(tmp_path, target=60, batching=batching, retry={"attempts": 1}, on_failure="skip")
    async with run_worker(client):
        handle = await start_run(client, request, f"sharded-late-{turn}")
        await wait_for_progress(handle, lambda p: p.failed >= 1)
        simulator.simulator.options = Options(latency=0.05)
        answer = await handle.execute_update("retry_failed")
        result = await handle.result()
    assert result.failed_total <= 3 - int(answer.split()[0]), f"{answer}; then {result.items} of 60"
    assert result.batches.completed == result.items == 60 - result.failed_total
    assert result.batches.failed == result.failed_total


async def test_a_budget_holds_over_all_shards(client, simulator, tmp_path):
    request = batched_things_request(tmp_path, 60, batching={"size": 1, "concurrency": 8}, reuse=False)
    async with run_worker(client):
        unlimited = await (await start_run(client, request, "sharded-whole")).result()
        need = unlimited.usage.prompt_tokens + unlimited.usage.completion_tokens
        half = request.model_copy(update={"budget": Budget(tokens=need // 2)})
        handle = await start_run(client, half, "sharded-budget")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "budget" and not p.in_flight)
        spent = waiting.usage.prompt_tokens + waiting.usage.completion_tokens
        assert spent <= need // 2 and waiting.items > 10
        await handle.execute_update("raise_budget", args=[need * 3, None])
        result = await handle.result()
    assert_complete(tmp_path, "sharded-budget", result, 60)


async def test_a_failure_that_a_person_must_fix_pauses_all_shards_until_resumed(client, simulator, tmp_path):
    simulator.simulator.options = Options(funds=30, latency=0.02)
    async with run_worker(client):
        handle = await start_run(
            client, batched_things_request(tmp_path, 80, batching={"size": 1, "concurrency": 8}), "sharded-broke"
        )
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "repair" and not p.in_flight)
        assert "sharded-broke" in waiting.why and waiting.items == 30
        simulator.simulator.options = Options()
        await handle.signal("resume")
        assert_complete(tmp_path, "sharded-broke", await handle.result(), 80)


@pytest.mark.parametrize("how", ["terminated", "reset"])
async def test_a_lost_shard_is_restarted_without_its_neighbours(how, client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.5)
    name = f"sharded-{how}"
    async with run_worker(client):
        handle = await start_run(
            client, batched_things_request(tmp_path, 80, batching={"size": 1, "concurrency": 16}), name
        )
        await wait_for_progress(handle, lambda p: p.items > 0)
        shard = client.get_workflow_handle(f"{name}/shard-002")
        if how == "terminated":
            await shard.terminate("a test")
        else:
            await reset_workflow(client, shard.id)
        result = await handle.result()
    assert_complete(tmp_path, name, result, 80)
    assert simulator.stats()["answered"] == 80, "what the lost shard had in flight is waited for, as its worker lives"
    assert result.usage.calls == 80


@workflow.defn(sandboxed=False)
class _SendOrdersToEndingShard:
    """Sends orders to a shard that ends before the server has delivered them."""

    @workflow.run
    async def run(self) -> bool:
        shard = Shard(ShardInput.model_construct(orders=None), "", "", [])
        shard.handle = cast(ChildWorkflowHandle, self)
        ending = asyncio.create_task(self._end(shard))
        await send_orders(shard)
        await ending
        return shard.ended

    async def signal(self, *_: object) -> None:
        await asyncio.sleep(3600)

    async def _end(self, shard: Shard) -> None:
        await asyncio.sleep(0.1)
        shard.ended = True


async def test_orders_to_a_shard_that_ends_meanwhile_are_not_waited_for(client):
    async with Worker(client, task_queue="tells", workflows=[_SendOrdersToEndingShard]):
        assert await client.execute_workflow(
            _SendOrdersToEndingShard.run, id="tells", task_queue="tells", execution_timeout=timedelta(seconds=10)
        )


async def reset_workflow(client: Client, name: str) -> None:
    from temporalio.api.common.v1 import WorkflowExecution
    from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest

    handle = client.get_workflow_handle(name)
    first = None
    async for event in handle.fetch_history_events():
        if event.HasField("workflow_task_completed_event_attributes"):
            first = event.event_id
            break
    assert first is not None
    run_id = (await handle.describe()).run_id
    request = ResetWorkflowExecutionRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=name, run_id=run_id),
        reason="a test",
        workflow_task_finish_event_id=first,
        request_id=f"{name}-reset",
    )
    try:
        await client.workflow_service.reset_workflow_execution(request)
    except RPCError as error:
        raise AssertionError(error.message) from None

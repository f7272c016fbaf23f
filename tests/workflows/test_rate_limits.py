"""`rpm` and `tpm` hold over all workers and runs together, as the endpoint sees it, and are nearly reached."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from activities.limits.rate_leases import rate_keeper_id, server_leases
from activities.limits.rate_turn import count_rate_waits
from activities.model.endpoints import Endpoints
from quire.contracts import RATE_KEEPER_WORKFLOW
from quire.rate_limits import LeaseRequest
from quire.request import ModelChoice
from runtime.worker import host
from simulator.options import Options
from tests.support.requests import batched_things_request
from tests.support.runs import assert_complete, connect_again, run_to_end, start_run
from tests.support.workers import run_worker

SPAN, START = 18.0, 3.0
"""Seconds of the windows measured, and of the start, which has its burst: a minute is too long for a test."""


async def measure_rates(client, simulator, tmp_path, name: str, limits: dict, seconds: float) -> tuple[float, float]:
    """Return the most calls or tokens of any window, and of the whole time, each as a share of what is allowed in
    it."""
    simulator.simulator.options = Options(latency=0.1)
    model = {"name": f"gpt-4o-{name}", **limits}
    batching = {"size": 1, "concurrency": 32, "tokens_per_item": 120}
    async with AsyncExitStack() as stack:
        for connection in (client, await connect_again(client)):
            await stack.enter_async_context(run_worker(connection, drain_time=timedelta(seconds=5)))
        request = batched_things_request(tmp_path, 2000, model=model, batching=batching, reuse=False)
        runs = [await start_run(client, request, f"{name}-{number}") for number in range(2)]
        log = simulator.simulator.stats.logs[model["name"]]
        async with asyncio.timeout(30):
            while not log.calls:
                await asyncio.sleep(0.1)
        started = time.time()
        await asyncio.sleep(seconds)
        calls, tokens = log.find_peak(SPAN, started + START)
        inside = [call for call in list(log.calls) if started + START <= call.at < started + seconds]
        for run in runs:
            await run.signal("finish_now")
        await asyncio.gather(*(run.result() for run in runs))
    limit = limits.get("rpm") or limits["tpm"]
    most = calls if "rpm" in limits else tokens
    spent = len(inside) if "rpm" in limits else sum(call.tokens for call in inside)
    return most / (limit / 60 * SPAN), spent / (limit / 60 * (seconds - START))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("limits", [{"rpm": 1200}, {"tpm": 120_000}], ids=["rpm", "tpm"])
async def test_two_workers_and_two_runs_together_keep_to_the_rate_and_reach_it(client, simulator, tmp_path, limits):
    most, reached = await measure_rates(client, simulator, tmp_path, next(iter(limits)), limits, 24)
    # a burst is a second's worth: 6 % of eighteen seconds, less than 2 % of a minute; the rest is for what arrives late
    assert most <= 1.07 and 0.8 <= reached <= 1.05


async def test_a_call_with_a_long_wait_for_its_rate_slot_releases_its_worker_slot(
    client, simulator, tmp_path, monkeypatch
):
    from activities.limits import rate_queue

    monkeypatch.setattr(rate_queue, "MAX_WAIT", 0.3)
    monkeypatch.setattr(rate_queue, "MAX_DELAY", 1.0)
    request = batched_things_request(
        tmp_path, 8, model={"name": "given-back", "rpm": 60}, batching={"size": 1, "concurrency": 8}
    )
    result = await run_to_end(client, request, "given-back")
    assert_complete(tmp_path, "given-back", result, 8)
    assert simulator.stats()["calls"] == 8, "waiting is not a call"


@activity.defn(name="waits once")
async def _waits_once() -> int:
    if activity.info().attempt == 1:
        activity.heartbeat(0, count_rate_waits() + 1)
        raise ApplicationError("waits", next_retry_delay=timedelta(milliseconds=10))
    return count_rate_waits()


@workflow.defn(name="Waits", sandboxed=False)
class _Waits:
    @workflow.run
    async def run(self) -> int:
        return await workflow.execute_activity("waits once", start_to_close_timeout=timedelta(seconds=5))


async def test_attempts_that_only_waited_are_counted_for_the_next_attempt(client):
    """Otherwise a call that waited often would count as one whose endpoint is broken."""
    async with Worker(client, task_queue="waits", workflows=[_Waits], activities=[_waits_once]):
        assert await client.execute_workflow("Waits", id="waits", task_queue="waits") == 1


async def test_an_endpoint_that_enforces_its_rate_limit_never_refuses_a_call(client, simulator, tmp_path):
    simulator.simulator.options = Options(rpm=60, tpm=100_000)
    model = {"name": "judge", "rpm": 60, "tpm": 100_000}
    request = batched_things_request(tmp_path, 8, model=model, batching={"size": 1, "concurrency": 8})
    assert_complete(tmp_path, "unrefused", await run_to_end(client, request, "unrefused"), 8)
    assert simulator.stats()["calls"] == simulator.stats()["answered"] == 8


async def test_the_rate_keeper_continues_as_new_and_keeps_its_leases(client, monkeypatch):
    async with run_worker(client):
        leased, name = server_leases(client, "quire"), rate_keeper_id("http://nowhere/v1", "long")
        first = await leased(name, LeaseRequest(holder="a", rpm=600, calls=1000), "lease-0")
        assert first.calls and 1 <= first.calls <= 20
        second = await leased(name, LeaseRequest(holder="a", rpm=600, calls=1000), "lease-0")
        assert second.calls == first.calls, "a lease that is asked for twice is given once"
        run = (await client.get_workflow_handle(name).describe()).run_id
        for number in range(1, 720):
            await leased(name, LeaseRequest(holder="a", rpm=600, calls=0), f"lease-{number}")
        described = await client.get_workflow_handle(name).describe()
        assert described.run_id != run and described.status == WorkflowExecutionStatus.RUNNING
        assert described.workflow_type == RATE_KEEPER_WORKFLOW


async def test_the_rate_keeper_answers_forty_processes_at_once(client):
    async with run_worker(client):
        leased, name = server_leases(client, "quire"), rate_keeper_id("http://nowhere/v1", "many")
        asks = [LeaseRequest(holder=f"h{number}", rpm=60_000, calls=10) for number in range(40)]
        leases = await asyncio.gather(*(leased(name, ask, f"lease-{ask.holder}") for ask in asks))
    assert sum(lease.calls or 0 for lease in leases) >= 350


async def test_an_idle_rate_keeper_ends_and_is_started_by_the_next_lease(client, monkeypatch):
    from workflows import rate_keeper

    monkeypatch.setattr(rate_keeper, "IDLE", 1.0)
    async with host.host_worker(client):  # the sandbox would load a copy of the rate keeper, with its own IDLE
        leased, name = server_leases(client, "quire"), rate_keeper_id("http://nowhere/v1", "idle")
        await leased(name, LeaseRequest(holder="a", rpm=600, calls=1), "lease-1")
        handle = client.get_workflow_handle(name)
        async with asyncio.timeout(10):
            await handle.result()
        assert (await leased(name, LeaseRequest(holder="a", rpm=600, calls=1), "lease-2")).calls == 1


async def test_calls_wait_for_a_rate_slot_while_the_server_does_not_answer():
    refused = Endpoints(lease_rates=server_leases(await _connect_to_nowhere(), "quire"))
    pace = refused.rate_queue(ModelChoice(name="x", rpm=600))
    assert pace is not None
    waiting = asyncio.create_task(pace.wait_for_turn((600, None), (10, 100, 100), 0.0))
    await asyncio.sleep(1)
    assert not waiting.done()
    waiting.cancel()
    await refused.close()


async def _connect_to_nowhere() -> Client:
    return await Client.connect("127.0.0.1:1", lazy=True, data_converter=pydantic_data_converter)


def test_a_rate_belongs_to_an_address_and_a_model():
    model = ModelChoice.model_validate(
        {"name": "a", "rpm": 60, "fallbacks": [{"name": "b"}, {"name": "c", "tpm": 5}, {"name": "a"}]}
    )
    rates = [(choice.rpm, choice.tpm) for choice in (model.choose_for_step(step) for step in (1, 2, 3))]
    assert rates == [(None, None), (None, 5), (60, None)]


def test_a_call_without_a_rate_waits_if_another_run_declared_one():
    endpoints = Endpoints()
    plain, limited = ModelChoice(name="x"), ModelChoice(name="x", rpm=60)
    assert endpoints.rate_queue(plain) is None
    pace = endpoints.rate_queue(limited)
    assert pace is not None and endpoints.rate_queue(plain) is None, "nobody has called yet"
    pace.note_limits((60, None))
    assert endpoints.rate_queue(plain) is pace

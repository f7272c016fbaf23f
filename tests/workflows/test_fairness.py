"""A run of ten batches behind a much larger one takes about as long as alone, whatever is scarce."""

import math
import time
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.client import Client

from activities.limits import concurrency
from activities.model import call
from quire import call_bundles, sharding
from quire.request import Request
from runtime.errors import SetupError
from runtime.temporal import run_priority
from runtime.temporal.runs import Handle, restart_run, start_run
from runtime.worker.host import HostedWorker
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.requests import example_request, things_request
from tests.support.runs import wait_for_progress
from tests.support.workers import run_worker

LATENCY, TWICE = 0.2, 2.0
BOOKKEEPING = 2.0
"""Seconds that a busy machine may add to what takes half a second alone; first come, first served would take ten."""
IN_TURN = 25
"""Calls of a run in full flight that may begin from when ten others wait until the last of those has begun: one for one
they are about ten, and at most eight that have their places. First come, first served they are all that wait already,
more than eighty."""


FEW = "Make few things."


def small_run_request(store: Path, count: int = 10, **batching: int) -> Request:
    """Return a request whose calls the simulator can recognize."""
    fields = {"batching": {"size": 1, **batching}}
    inputs = {**things_request(str(store), count).inputs, "instructions": FEW}
    return things_request(str(store), count, inputs=inputs, **fields)


def list_small_run_calls(simulator: SimulatorServer) -> list[bool]:
    """Return for each call, in order, whether it belongs to the small run."""
    return [FEW in str(body["messages"]) for body in list(simulator.simulator.bodies)]


async def time_small_run(client: Client, store: Path, name: str) -> float:
    """Return how many seconds the small run takes alone, in a worker that has made one before."""
    for number in range(2):
        started = time.perf_counter()
        result = await (await start_run(client, f"{name}-{number}", small_run_request(store, concurrency=10))).result()
        took = time.perf_counter() - started
        assert result.items == 10
    return took


async def count_overtaking_calls(
    client: Client, simulator: SimulatorServer, store: Path, name: str, *, width: int = 90, priority: int | None = None
) -> int:
    """Return how many calls of a run of 600 in full flight begin while a run of ten has waiting calls. Asserts that the
    small one takes no longer than twice its time alone."""
    simulator.simulator.options = Options(latency=LATENCY, record=True)
    alone = await time_small_run(client, store, f"{name}-alone")
    simulator.simulator.bodies.clear()
    big = await start_run(
        client, f"{name}-big", things_request(str(store), 600, batching={"size": 1, "concurrency": width})
    )
    await wait_for_progress(big, lambda progress: progress.items >= 20)
    started = time.perf_counter()
    small = await start_run(client, f"{name}-small", small_run_request(store, concurrency=10), priority=priority)
    await wait_for_progress(small, lambda progress: progress.in_flight > 0)
    since = len(list_small_run_calls(simulator))
    assert (await small.result()).items == 10
    took = time.perf_counter() - started
    assert took < TWICE * alone + BOOKKEEPING, f"{alone:.2f} s alone, {took:.2f} s behind"
    whose = list_small_run_calls(simulator)
    assert sum(whose) == 10
    last = max(at for at, is_small in enumerate(whose) if is_small)
    await big.signal("finish_now")
    assert (await big.result()).items < 600, "it was over too soon to be in anybody's way"
    return whose[since:last].count(False)


def limit_endpoint(worker: HostedWorker, places: int) -> None:
    """Limit the calls that the worker's endpoint takes at a time, for good."""
    learned = worker.endpoints.throttle(things_request("runs", 1).model)
    learned.ceiling = learned.limit = places


@pytest.fixture
def singly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes each call an activity of its own: the server alternates by activity, not by call."""
    for bound in ("SINGLE_CALLS_PER_SECOND", "FEW_BATCHES"):
        monkeypatch.setattr(call_bundles, bound, math.inf)


@pytest.mark.parametrize("priority", [None, 1])
async def test_the_server_alternates_between_runs_when_worker_slots_are_scarce(
    client, simulator, tmp_path, singly, priority
):
    async with run_worker(client, max_activities=8):
        assert (
            await count_overtaking_calls(client, simulator, tmp_path, f"slots-{priority}", priority=priority) <= IN_TURN
        )


async def test_the_worker_alternates_between_runs_when_the_endpoint_is_throttled(client, simulator, tmp_path):
    async with run_worker(client) as worker:
        limit_endpoint(worker, 8)
        assert await count_overtaking_calls(client, simulator, tmp_path, "throttled", width=200) <= IN_TURN


async def test_a_low_priority_run_waits_when_worker_slots_are_scarce(client, simulator, tmp_path, singly):
    simulator.simulator.options = Options(latency=LATENCY, record=True)
    async with run_worker(client, max_activities=4):
        low = things_request(str(tmp_path), 120, batching={"size": 1, "concurrency": 40})
        first = await start_run(client, "low", low, priority=5)
        await wait_for_progress(first, lambda progress: progress.items >= 4)
        await (await start_run(client, "high", small_run_request(tmp_path, 100, concurrency=40), priority=1)).result()
        await first.signal("finish_now")
        await first.result()
    places = [at for at, is_small in enumerate(list_small_run_calls(simulator)) if is_small]
    assert places[79] - places[0] - 79 <= 8, "while the high one has calls that wait, those of the low one do"


async def record_call_owners(monkeypatch: pytest.MonkeyPatch) -> list[concurrency.CallOwner]:
    """Record from now on which run and priority each call's activity belongs to."""
    result: list[concurrency.CallOwner] = []

    def noted(run: str) -> concurrency.CallOwner:
        assert activity.info().priority.fairness_key
        result.append(concurrency.owner_of_call(run))
        return result[-1]

    monkeypatch.setattr(call, "owner_of_call", noted)
    return result


async def test_all_shards_of_a_run_share_one_fairness_key(client, simulator, tmp_path, monkeypatch):
    monkeypatch.setattr(sharding, "UNSHARDED_BATCHES", 10)
    monkeypatch.setattr(sharding, "SHARD_BATCHES", 8)
    owners = await record_call_owners(monkeypatch)
    async with run_worker(client):
        request = things_request(str(tmp_path), 40, batching={"size": 1, "concurrency": 8})
        result = await (await start_run(client, "in-shards", request)).result()
    assert result.items == 40 and set(owners) == {(3, "in-shards")}


async def test_calls_inherit_their_runs_priority_and_a_resumed_run_keeps_it(client, simulator, tmp_path, monkeypatch):
    result = await record_call_owners(monkeypatch)
    request = example_request("topic_dataset", tmp_path, target=10, reuse=False)
    async with run_worker(client):
        handle: Handle = await start_run(client, "ranked", request, priority=2)
        await handle.result()
        assert set(result) == {(2, "ranked")}
        await (await restart_run(client, "ranked", request, more=2)).result()
        assert set(result) == {(2, "ranked")}
        await (await restart_run(client, "ranked", request, more=2, priority=4)).result()
    assert await run_priority.fetch_priority(handle) == 4 and result[-1] == (4, "ranked")


async def test_the_priority_of_a_live_run_can_be_changed(client, simulator, tmp_path, monkeypatch):
    simulator.simulator.options = Options(latency=LATENCY)
    result = await record_call_owners(monkeypatch)
    async with run_worker(client):
        handle = await start_run(
            client, "put-first", things_request(str(tmp_path), 20, batching={"size": 1, "concurrency": 2})
        )
        await wait_for_progress(handle, lambda progress: progress.items >= 2)
        await run_priority.change_priority(client, "put-first", 1)
        await handle.result()
    assert (result[0], result[-1]) == ((3, "put-first"), (1, "put-first"))


def test_fairness_keys_of_long_ids_are_short_and_distinct():
    keys = {run_priority.to_temporal_priority("ü" * 190 + end, None).fairness_key or "" for end in ("-7f3a", "-7f3b")}
    assert len(keys) == 2 and all(len(key.encode()) <= run_priority.KEY_BYTES for key in keys)


@pytest.mark.parametrize("priority", [0, 6, -1])
def test_an_invalid_priority_is_rejected_in_one_sentence(priority):
    with pytest.raises(SetupError, match=r"a priority is 1 \(the highest\) to 5"):
        run_priority.validate_priority(priority)

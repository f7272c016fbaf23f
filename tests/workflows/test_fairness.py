"""A run of ten batches behind one of many hundred: it takes about as long as alone, whatever it is that is scarce."""

import math
import time
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.client import Client

from activities import ask, throttle
from benchmarks.harness import things
from quire import bundling, sharding
from runtime import ranks
from runtime.errors import SetupError
from runtime.runs import Handle, start, start_again
from runtime.worker import Hosted, hosted
from simulator.options import Options
from tests.conftest import example
from tests.workflows.test_steering import until

LATENCY, TWICE = 0.2, 2.0
BOOKKEEPING = 2.0
"""Seconds that a busy machine may add to what takes half a second alone; first come, first served takes ten."""


async def seconds(client: Client, store: Path, name: str, priority: int | None = None) -> float:
    """How long a run of ten batches takes."""
    began = time.perf_counter()
    result = await (await start(client, name, things(str(store), 10, batching={"size": 1}), priority=priority)).result()
    assert result.items == 10
    return time.perf_counter() - began


async def behind(client: Client, store: Path, name: str, *, width: int = 90, priority: int | None = None) -> float:
    """The same while one of six hundred is in full flight, which is finished early."""
    request = things(str(store), 600, batching={"size": 1, "concurrency": width})
    big = await start(client, f"{name}-big", request)
    await until(big, lambda progress: progress.items >= 20)
    took = await seconds(client, store, f"{name}-small", priority)
    await big.signal("finish_now")
    assert (await big.result()).items < 600, "it was over too soon to be in anybody's way"
    return took


def pinned(worker: Hosted, places: int) -> None:
    """An endpoint that takes so many calls at a time, for good."""
    learned = worker.endpoints.throttle(things("runs", 1).model)
    learned.most = learned.limit = places


@pytest.fixture
def singly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call an activity of its own: one that holds many has its slot for two seconds."""
    monkeypatch.setattr(bundling, "FELT", math.inf)


@pytest.mark.parametrize("priority", [None, 1])
async def test_where_slots_are_scarce_the_server_serves_the_runs_in_turn(client, simulator, tmp_path, singly, priority):
    simulator.simulator.options = Options(latency=LATENCY)
    async with hosted(client, slots=8):
        await seconds(client, tmp_path, f"slots-{priority}-first")
        alone = await seconds(client, tmp_path, f"slots-{priority}-alone")
        took = await behind(client, tmp_path, f"slots-{priority}", priority=priority)
    assert took < TWICE * alone + BOOKKEEPING, f"{alone:.2f} s alone, {took:.2f} s behind"


async def test_where_the_endpoint_is_throttled_the_worker_serves_the_runs_in_turn(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=LATENCY)
    async with hosted(client) as worker:
        pinned(worker, 8)
        await seconds(client, tmp_path, "throttled-first")
        alone = await seconds(client, tmp_path, "throttled-alone")
        took = await behind(client, tmp_path, "throttled", width=200)
    assert took < TWICE * alone + BOOKKEEPING, f"{alone:.2f} s alone, {took:.2f} s behind"


async def test_a_low_priority_waits_where_slots_are_scarce(client, simulator, tmp_path, singly):
    simulator.simulator.options = Options(latency=LATENCY)
    async with hosted(client, slots=4):
        low = things(str(tmp_path), 120, batching={"size": 1, "concurrency": 40})
        first = await start(client, "low", low, priority=5)
        await until(first, lambda progress: progress.items >= 4)
        high = await start(client, "high", low, priority=1)
        await high.result()
        assert (await first.query("progress", result_type=None))["items"] < 60
        await first.signal("finish_now")
        await first.result()


async def seen_by(monkeypatch: pytest.MonkeyPatch) -> list[throttle.Turn]:
    """What the calls' activities know of their run, from now on."""
    found: list[throttle.Turn] = []

    def noted(run: str) -> throttle.Turn:
        assert activity.info().priority.fairness_key
        found.append(throttle.turn_for(run))
        return found[-1]

    monkeypatch.setattr(ask, "turn_for", noted)
    return found


async def test_all_shards_of_a_run_have_one_turn_together(client, simulator, tmp_path, monkeypatch):
    monkeypatch.setattr(sharding, "SHARDED", 10)
    monkeypatch.setattr(sharding, "MOST", 8)
    found = await seen_by(monkeypatch)
    async with hosted(client):
        request = things(str(tmp_path), 40, batching={"size": 1, "concurrency": 8})
        result = await (await start(client, "in-shards", request)).result()
    assert result.items == 40 and set(found) == {(3, "in-shards")}


async def test_a_run_s_calls_inherit_its_priority_and_a_run_that_takes_over_keeps_it(
    client, simulator, tmp_path, monkeypatch
):
    found = await seen_by(monkeypatch)
    request = example("topic_dataset", tmp_path, target=10, reuse=False)
    async with hosted(client):
        handle: Handle = await start(client, "ranked", request, priority=2)
        await handle.result()
        assert set(found) == {(2, "ranked")}
        await (await start_again(client, "ranked", request, more=2)).result()
        assert set(found) == {(2, "ranked")}
        await (await start_again(client, "ranked", request, more=2, priority=4)).result()
    assert await ranks.priority_of(handle) == 4 and found[-1] == (4, "ranked")


async def test_a_live_run_can_be_put_first(client, simulator, tmp_path, monkeypatch):
    simulator.simulator.options = Options(latency=LATENCY)
    found = await seen_by(monkeypatch)
    async with hosted(client):
        handle = await start(client, "put-first", things(str(tmp_path), 20, batching={"size": 1, "concurrency": 2}))
        await until(handle, lambda progress: progress.items >= 2)
        await ranks.change(client, "put-first", 1)
        await handle.result()
    assert (found[0], found[-1]) == ((3, "put-first"), (1, "put-first"))


def test_a_long_id_is_cut_to_what_the_server_takes_and_stays_apart_from_its_neighbours():
    keys = {ranks.rank("ü" * 190 + end, None).fairness_key or "" for end in ("-7f3a", "-7f3b")}
    assert len(keys) == 2 and all(len(key.encode()) <= ranks.KEY_BYTES for key in keys)


@pytest.mark.parametrize("priority", [0, 6, -1])
def test_a_priority_that_no_run_can_have_is_a_sentence(priority):
    with pytest.raises(SetupError, match=r"a priority is 1 \(the highest\) to 5"):
        ranks.checked(priority)

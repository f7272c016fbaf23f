"""A run of ten batches behind one of many hundred: it takes about as long as alone, whatever it is that is scarce."""

import math
import time
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.client import Client

from activities.limits import concurrency
from activities.model import call
from benchmarks.harness import things
from quire import call_bundles, sharding
from quire.request import Request
from runtime.errors import SetupError
from runtime.temporal import run_priority
from runtime.temporal.runs import Handle, start, start_again
from runtime.worker.host import Hosted, hosted
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import example
from tests.workflows.test_steering import until

LATENCY, TWICE = 0.2, 2.0
BOOKKEEPING = 2.0
"""Seconds that a busy machine may add to what takes half a second alone; first come, first served takes ten."""
IN_TURN = 25
"""Calls of a run in full flight that may begin from when ten others wait until the last of those has begun: one for one
they are about ten, and at most eight that have their places. First come, first served they are all that wait already,
more than eighty."""


FEW = "Make few things."


def few(store: Path, count: int = 10, **batching: int) -> Request:
    """A request of whose calls the endpoint can tell that they are this run's."""
    said = {"batching": {"size": 1, **batching}}
    inputs = {**things(str(store), count).inputs, "instructions": FEW}
    return things(str(store), count, inputs=inputs, **said)


def of_few(simulator: SimulatorServer) -> list[bool]:
    """Of each call in turn: whether it is one of those."""
    return [FEW in str(body["messages"]) for body in list(simulator.simulator.bodies)]


async def seconds(client: Client, store: Path, name: str) -> float:
    """How long such a run takes alone, in a worker that has made one before."""
    for number in range(2):
        began = time.perf_counter()
        result = await (await start(client, f"{name}-{number}", few(store, concurrency=10))).result()
        took = time.perf_counter() - began
        assert result.items == 10
    return took


async def passed_by(
    client: Client, simulator: SimulatorServer, store: Path, name: str, *, width: int = 90, priority: int | None = None
) -> int:
    """How many calls of a run of six hundred, in full flight, begin while one of ten has calls that wait. That one must
    take no longer than twice its time alone."""
    simulator.simulator.options = Options(latency=LATENCY, record=True)
    alone = await seconds(client, store, f"{name}-alone")
    simulator.simulator.bodies.clear()
    big = await start(client, f"{name}-big", things(str(store), 600, batching={"size": 1, "concurrency": width}))
    await until(big, lambda progress: progress.items >= 20)
    began = time.perf_counter()
    small = await start(client, f"{name}-small", few(store, concurrency=10), priority=priority)
    await until(small, lambda progress: progress.in_flight > 0)
    since = len(of_few(simulator))
    assert (await small.result()).items == 10
    took = time.perf_counter() - began
    assert took < TWICE * alone + BOOKKEEPING, f"{alone:.2f} s alone, {took:.2f} s behind"
    whose = of_few(simulator)
    assert sum(whose) == 10
    last = max(at for at, mine in enumerate(whose) if mine)
    await big.signal("finish_now")
    assert (await big.result()).items < 600, "it was over too soon to be in anybody's way"
    return whose[since:last].count(False)


def pinned(worker: Hosted, places: int) -> None:
    """An endpoint that takes so many calls at a time, for good."""
    learned = worker.endpoints.throttle(things("runs", 1).model)
    learned.most = learned.limit = places


@pytest.fixture
def singly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call an activity of its own: the server takes turns activity by activity, and not call by call."""
    for bound in ("FELT", "FEW"):
        monkeypatch.setattr(call_bundles, bound, math.inf)


@pytest.mark.parametrize("priority", [None, 1])
async def test_where_slots_are_scarce_the_server_serves_the_runs_in_turn(client, simulator, tmp_path, singly, priority):
    async with hosted(client, slots=8):
        assert await passed_by(client, simulator, tmp_path, f"slots-{priority}", priority=priority) <= IN_TURN


async def test_where_the_endpoint_is_throttled_the_worker_serves_the_runs_in_turn(client, simulator, tmp_path):
    async with hosted(client) as worker:
        pinned(worker, 8)
        assert await passed_by(client, simulator, tmp_path, "throttled", width=200) <= IN_TURN


async def test_a_low_priority_waits_where_slots_are_scarce(client, simulator, tmp_path, singly):
    simulator.simulator.options = Options(latency=LATENCY, record=True)
    async with hosted(client, slots=4):
        low = things(str(tmp_path), 120, batching={"size": 1, "concurrency": 40})
        first = await start(client, "low", low, priority=5)
        await until(first, lambda progress: progress.items >= 4)
        await (await start(client, "high", few(tmp_path, 100, concurrency=40), priority=1)).result()
        await first.signal("finish_now")
        await first.result()
    places = [at for at, mine in enumerate(of_few(simulator)) if mine]
    assert places[79] - places[0] - 79 <= 8, "while the high one has calls that wait, those of the low one do"


async def seen_by(monkeypatch: pytest.MonkeyPatch) -> list[concurrency.Turn]:
    """What the calls' activities know of their run, from now on."""
    found: list[concurrency.Turn] = []

    def noted(run: str) -> concurrency.Turn:
        assert activity.info().priority.fairness_key
        found.append(concurrency.turn_for(run))
        return found[-1]

    monkeypatch.setattr(call, "turn_for", noted)
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
    assert await run_priority.priority_of(handle) == 4 and found[-1] == (4, "ranked")


async def test_a_live_run_can_be_put_first(client, simulator, tmp_path, monkeypatch):
    simulator.simulator.options = Options(latency=LATENCY)
    found = await seen_by(monkeypatch)
    async with hosted(client):
        handle = await start(client, "put-first", things(str(tmp_path), 20, batching={"size": 1, "concurrency": 2}))
        await until(handle, lambda progress: progress.items >= 2)
        await run_priority.change(client, "put-first", 1)
        await handle.result()
    assert (found[0], found[-1]) == ((3, "put-first"), (1, "put-first"))


def test_a_long_id_is_cut_to_what_the_server_takes_and_stays_apart_from_its_neighbours():
    keys = {run_priority.rank("ü" * 190 + end, None).fairness_key or "" for end in ("-7f3a", "-7f3b")}
    assert len(keys) == 2 and all(len(key.encode()) <= run_priority.KEY_BYTES for key in keys)


@pytest.mark.parametrize("priority", [0, 6, -1])
def test_a_priority_that_no_run_can_have_is_a_sentence(priority):
    with pytest.raises(SetupError, match=r"a priority is 1 \(the highest\) to 5"):
        run_priority.checked(priority)

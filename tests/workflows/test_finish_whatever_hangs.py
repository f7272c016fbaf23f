"""`finish` and `cancel` end a run in time, whatever hangs; and our own errors stop a slot or make the run wait."""

import asyncio
import importlib
from datetime import timedelta
from typing import Any

import pytest
from temporalio.client import WorkflowFailureError

from quire.progress import Result
from runtime.temporal.runs import Handle
from runtime.worker.host import host_worker
from simulator.options import Options
from tests.support.requests import batched_things_request
from tests.support.runs import read_items, start_run, wait_for_progress
from workflows.run import run as limits

ENDS = ["finish_now", "cancel"]


async def hang(*_: Any) -> None:
    await asyncio.sleep(600)


async def end_run(handle: Handle, end: str) -> None:
    await (handle.cancel() if end == "cancel" else handle.signal(end))


@pytest.fixture(autouse=True)
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DRAIN_TIME", timedelta(seconds=1))


async def end_while_hanging(client, tmp_path, monkeypatch, name: str, end: str) -> Result:
    monkeypatch.setattr(importlib.import_module(f"activities.{name}"), name, hang)
    async with host_worker(client, drain_time=timedelta(seconds=0)):
        handle = await start_run(client, batched_things_request(tmp_path, 5), f"hang-{name}-{end}")
        await wait_for_progress(handle, lambda p: p.stage == "assembling")
        await end_run(handle, end)
        async with asyncio.timeout(15):
            return await handle.result()


@pytest.mark.parametrize("end", ENDS)
async def test_an_ending_run_whose_artifact_hangs_ends_without_it(client, simulator, tmp_path, monkeypatch, end):
    result = await end_while_hanging(client, tmp_path, monkeypatch, "assemble_artifact", end)
    assert result.artifact is None and result.items == 5
    assert result.verdict == ("cancelled" if end == "cancel" else "partial")
    assert "artifact could not be written" in result.warnings[-1]


@pytest.mark.parametrize("end", ENDS)
async def test_an_ending_run_whose_check_hangs_keeps_its_artifact(client, simulator, tmp_path, monkeypatch, end):
    result = await end_while_hanging(client, tmp_path, monkeypatch, "verify_artifact", end)
    assert len(read_items(tmp_path, f"hang-verify_artifact-{end}")) == result.items == 5
    assert "the artifact was not checked" in result.warnings[-1]


@pytest.mark.parametrize("end", ENDS)
async def test_a_call_that_hangs_is_given_up_and_what_is_there_is_assembled(client, simulator, tmp_path, end):
    async with host_worker(client, drain_time=timedelta(seconds=0)):
        request = batched_things_request(tmp_path, 10, batching={"size": 5, "concurrency": 1})
        simulator.simulator.options = Options(latency=0.1)
        handle = await start_run(client, request, f"hang-call-{end}")
        await wait_for_progress(handle, lambda p: p.items >= 5)
        simulator.simulator.options = Options(hang=1.0)
        await end_run(handle, end)
        async with asyncio.timeout(20):
            result = await handle.result()
    assert result.items == len(read_items(tmp_path, f"hang-call-{end}")) >= 5


@pytest.mark.parametrize("end", ENDS)
async def test_a_run_whose_planning_hangs_ends(client, simulator, tmp_path, monkeypatch, end):
    monkeypatch.setattr(importlib.import_module("activities.plan_run"), "plan_run", lambda *_, **__: hang())
    async with host_worker(client, drain_time=timedelta(seconds=0)):
        handle = await start_run(client, batched_things_request(tmp_path, 5), f"hang-plan-{end}")
        await wait_for_progress(handle, lambda p: p.stage == "planning")
        await end_run(handle, end)
        async with asyncio.timeout(15):
            with pytest.raises(WorkflowFailureError):
                await handle.result()


async def test_an_own_error_at_the_end_makes_the_run_wait_with_its_words_and_finish_ends_it(
    client, simulator, tmp_path, monkeypatch
):
    async def fail(*_: Any) -> None:
        raise KeyError("no such thing")

    monkeypatch.setattr(importlib.import_module("activities.assemble_artifact"), "assemble_artifact", fail)
    async with host_worker(client):
        handle = await start_run(client, batched_things_request(tmp_path, 5), "own-error")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "repair", seconds=20)
        assert "KeyError" in waiting.why and "errors/assemble" in waiting.why and "resume own-error" in waiting.why
        await handle.signal("finish_now")
        async with asyncio.timeout(20):
            result = await handle.result()
    assert result.artifact is None and "KeyError" in result.warnings[-1]


async def test_an_answer_that_our_code_cannot_take_costs_its_slot_alone(client, simulator, tmp_path, monkeypatch):
    module = importlib.import_module("activities.generate_batch")
    check = module.check_items

    def stumble(answer: Any, slots: Any, recipe: Any) -> Any:
        if any(slot.number == 7 for slot in slots):
            raise TypeError("an answer that nobody expected")
        return check(answer, slots, recipe)

    monkeypatch.setattr(module, "check_items", stumble)
    async with host_worker(client):
        request = batched_things_request(tmp_path, 20, batching={"size": 4, "concurrency": 4})
        handle = await start_run(client, request, "poisonous")
        async with asyncio.timeout(60):
            result = await handle.result()
    assert (result.verdict, result.items) == ("partial", 19)
    assert [slot.slot for slot in result.failed_slots] == ["007"] and "TypeError" in result.failed_slots[0].reason


async def test_calls_that_all_fail_in_our_code_make_the_run_wait(client, simulator, tmp_path, monkeypatch):
    def fail(*_: Any) -> None:
        raise TypeError("nothing works")

    monkeypatch.setattr(importlib.import_module("activities.generate_batch"), "check_items", fail)
    async with host_worker(client):
        handle = await start_run(client, batched_things_request(tmp_path, 40), "broken")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "repair", seconds=30)
        assert "TypeError: nothing works" in waiting.why and waiting.failed == 0
        await handle.signal("finish_now")
        await handle.result()


async def test_a_time_limit_that_is_always_exceeded_is_noticed_and_counted(client, simulator, tmp_path):
    simulator.simulator.options = Options(hang=1.0)
    model = {"name": "gpt-4o-mini", "timeout_seconds": 1}
    async with host_worker(client, drain_time=timedelta(seconds=0)):
        handle = await start_run(client, batched_things_request(tmp_path, 5, model=model), "too-short")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "repair", seconds=30)
        assert "raise model.timeout_seconds" in waiting.why
        assert waiting.usage.unheard_calls == 3 and waiting.usage.tokens >= waiting.usage.unheard_tokens > 1500
        await handle.signal("finish_now")
        await handle.result()


async def test_dropped_connections_count_so_that_a_budget_bites(client, simulator, tmp_path):
    simulator.simulator.options = Options(drop=1.0)
    request = batched_things_request(tmp_path, 5, budget={"tokens": 4000})
    async with host_worker(client):
        handle = await start_run(client, request, "dropped")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "budget", seconds=40)
        assert waiting.usage.unheard_calls >= 3
        await handle.signal("finish_now")
        await handle.result()

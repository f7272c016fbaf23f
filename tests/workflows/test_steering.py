"""Messages to a live run, and runs that continue ended ones."""

import asyncio
import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError

from activities.store.batch_files import parse_batch_file
from runtime.temporal.runs import Handle, restart_run
from simulator.options import Options
from tests.support.requests import example_request, oq_request
from tests.support.runs import get_progress, read_items, run_to_end, start_run, wait_for_progress
from tests.support.workers import run_worker


async def count_events(handle: Handle) -> int:
    return len([event async for event in handle.fetch_history_events()])


async def test_concurrency_can_be_changed_during_a_run(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.4)
    async with run_worker(client):
        handle = await start_run(client, oq_request(tmp_path, batching={"size": 1, "concurrency": 1}), "width")
        await wait_for_progress(handle, lambda p: p.items >= 1)
        assert simulator.stats()["max_in_flight"] == 1
        simulator.simulator.options = Options(latency=2.0)  # a busy machine takes a while to begin eight calls
        assert await handle.execute_update("set_concurrency", 8) == "8 calls in flight"
        assert (await get_progress(handle)).concurrency == 8
        assert (await handle.result()).verdict == "complete"
    assert simulator.stats()["max_in_flight"] == 8


async def test_invalid_updates_are_rejected_with_the_reason_and_leave_no_event(client, simulator, tmp_path):
    async with run_worker(client):
        handle = await client.start_workflow(
            "GenerateArtifact", oq_request(tmp_path), id="refuses", task_queue="quire", start_signal="pause"
        )
        await wait_for_progress(handle, lambda p: p.stage == "paused")
        await asyncio.sleep(0.5)
        before = await count_events(handle)
        for name, values, message in [
            ("set_concurrency", [0], "1 to 1,000, not 0"),
            ("set_concurrency", [1001], "1 to 1,000"),
            ("extend", [0], "at least 1 item"),
            ("extend", [10_000_000], "limit of 1,000,000 items"),
            ("retry_failed", [], "no slot has given up"),
            ("raise_budget", [100, None], "no budget of tokens"),
            ("raise_budget", [None, None], "give a new cap: --tokens, --usd or both"),
            ("approve", [], "nothing waits for approval"),
        ]:
            with pytest.raises(WorkflowUpdateFailedError) as raised:
                await handle.execute_update(name, args=values)
            assert message in str(raised.value.cause), name
        assert await count_events(handle) - before <= 6  # a workflow task that only refuses is not recorded
        text = (await handle.fetch_history()).to_json()
        assert "UPDATE_ACCEPTED" not in text
        await handle.signal("finish_now")
        await handle.result()


async def test_approve_plan_waits_before_the_first_call(client, simulator, tmp_path):
    async with run_worker(client):
        handle = await start_run(client, oq_request(tmp_path, approve="plan"), "approve-plan")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "approval")
        assert "starter.py approve approve-plan" in waiting.why and simulator.stats()["calls"] == 0
        assert await handle.execute_update("approve") == "approved"
        assert (await handle.result()).verdict == "complete"


async def test_approve_first_batch_waits_after_the_first_batch(client, simulator, tmp_path):
    async with run_worker(client):
        handle = await start_run(
            client, oq_request(tmp_path, approve="first_batch", batching={"size": 5}), "approve-first"
        )
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "approval" and p.items > 0)
        assert waiting.items == 5 and simulator.stats()["calls"] == 1
        await handle.execute_update("approve")
        assert (await handle.result()).items == 25


async def test_one_batch_warms_the_providers_cache_before_the_others_start(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.2, record=True)
    batching = {"size": 5, "warm_up": True, "concurrency": 8}
    result = await run_to_end(client, example_request("topic_dataset", tmp_path, batching=batching, target=20), "warm")
    assert result.verdict == "complete"
    notes = [parse_batch_file(file.read_bytes()).call for file in (tmp_path / "warm" / "batches").glob("*.jsonl")]
    first, second = sorted(notes, key=lambda note: note["began"])[:2]
    first_start, then = (datetime.fromisoformat(note["began"]) for note in (first, second))
    assert then - first_start >= timedelta(seconds=0.2), "the others wait for the first"
    bodies = simulator.simulator.bodies
    assert len({body["messages"][0]["content"] for body in bodies}) == 1, "what is common comes first, byte for byte"


async def test_a_run_stops_at_half_the_budget_it_needs_and_completes_when_raised(client, simulator, tmp_path):
    unlimited = await run_to_end(
        client, oq_request(tmp_path, batching={"size": 1, "concurrency": 4}, reuse=False), "unbudgeted"
    )
    need = unlimited.usage.prompt_tokens + unlimited.usage.completion_tokens
    async with run_worker(client):
        budget = {"tokens": need // 2}
        request = oq_request(tmp_path, batching={"size": 1, "concurrency": 4}, budget=budget, reuse=False)
        handle = await start_run(client, request, "budgeted")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "budget" and not p.in_flight)
        spent = waiting.usage.prompt_tokens + waiting.usage.completion_tokens
        assert spent <= need // 2 + 4 * need // 25 and 5 <= waiting.items < 25
        assert "uv run starter.py raise-budget" in waiting.line
        with pytest.raises(WorkflowUpdateFailedError):
            await handle.execute_update("raise_budget", args=[need // 4, None])
        await handle.execute_update("raise_budget", args=[2 * need, None])
        result = await handle.result()
    assert (result.verdict, result.items) == ("complete", 25)


async def test_finishing_at_the_budget_keeps_every_item(client, simulator, tmp_path):
    async with run_worker(client):
        request = oq_request(tmp_path, batching={"size": 1, "concurrency": 2}, budget={"tokens": 8000})
        handle = await start_run(client, request, "budget-finish")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "budget" and not p.in_flight)
        await handle.signal("finish_now")
        result = await handle.result()
    assert (result.verdict, result.items) == ("partial", waiting.items) and result.items > 0
    assert len(read_items(tmp_path, "budget-finish")) == result.items


def test_a_budget_in_dollars_needs_a_known_price(tmp_path):
    from tests.support.requests import lay_out_plan

    request = {"recipe": "oq_suite", "inputs": {"urs": "urs/chromatography.md", "gamp_category": 5}}
    with pytest.raises(Exception, match=r"budget\.usd: the price of no-such-model is not known"):
        lay_out_plan(request | {"model": {"name": "no-such-model"}, "budget": {"usd": 1.0}})


async def test_failed_slots_of_a_live_run_are_reopened(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison="slot 3:", latency=0.3)
    async with run_worker(client):
        request = oq_request(tmp_path, target=12, batching={"size": 3, "concurrency": 1}, retry={"attempts": 1})
        handle = await start_run(client, request, "retry-live")
        await wait_for_progress(handle, lambda p: p.failed == 1)
        simulator.simulator.options = Options(latency=0.3)
        assert await handle.execute_update("retry_failed") == "1 tests are open again"
        result = await handle.result()
    assert (result.verdict, result.items, result.failed_total) == ("complete", 12, 0)
    assert result.batches.completed == 4 and result.batches.failed == 0


async def test_failed_slots_of_an_ended_run_are_filled_without_repeating_other_calls(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison="slot 3:|slot 7:")
    request = oq_request(tmp_path, target=12, batching={"size": 3}, retry={"attempts": 1})
    first = await run_to_end(client, request, "retry-ended")
    assert (first.verdict, first.items) == ("partial", 10)
    earlier_items = {item["id"]: item for item in read_items(tmp_path, "retry-ended")}
    calls = simulator.stats()["calls"]
    simulator.simulator.options = Options()
    async with run_worker(client):
        result = await (await restart_run(client, "retry-ended", request)).result()
    assert (result.verdict, result.items) == ("complete", 12)
    assert simulator.stats()["calls"] == calls + 2
    items = {item["id"]: item for item in read_items(tmp_path, "retry-ended")}
    assert len(items) == 12 and all(items[name] == item for name, item in earlier_items.items())
    assert result.usage.calls == first.usage.calls + 2, "what the run cost in all"


@pytest.mark.parametrize("live", [True, False])
async def test_an_extended_run_calls_the_model_only_for_new_items(client, simulator, tmp_path, live):
    name = f"longer-{live}"
    request = example_request("topic_dataset", tmp_path, target=60, reuse=False)
    if live:
        simulator.simulator.options = Options(latency=0.5)
    async with run_worker(client):
        handle = await start_run(client, request, name)
        if live:
            await wait_for_progress(handle, lambda p: p.items >= 1)
            assert await handle.execute_update("extend", 50) == "110 samples in all"
            result = await handle.result()
        else:
            await handle.result()
            result = await (await restart_run(client, name, request, more=50)).result()
    assert (result.verdict, result.items, result.target) == ("complete", 110, 110)
    assert [(group.name, group.items, group.target) for group in result.groups] == [
        ("1", 48, 48),
        ("2", 48, 48),
        ("3", 14, 14),
    ]
    cases = [(line["metadata"]["uuid"], line["metadata"]["cycle"]) for line in read_items(tmp_path, name)]
    assert len(set(cases)) == 110 and simulator.stats()["calls"] == 110


async def test_a_run_that_cannot_be_extended_says_why(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.5)
    async with run_worker(client):
        handle = await start_run(client, example_request("roadmap", tmp_path), "not-longer")
        await wait_for_progress(handle, lambda p: p.in_flight > 0)
        with pytest.raises(WorkflowUpdateFailedError) as raised:
            await handle.execute_update("extend", 2)
        assert "target" in str(raised.value.cause)
        assert (await handle.result()).verdict == "complete"


async def test_an_ended_run_with_lanes_is_resumed_in_its_lanes(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison="[Ww]eek 5", record=True)
    request = example_request("roadmap", tmp_path, on_failure="skip", retry={"attempts": 1})
    first = await run_to_end(client, request, "lanes-again")
    assert first.verdict == "partial" and first.items < 12
    simulator.simulator.options = Options(record=True)
    async with run_worker(client):
        result = await (await restart_run(client, "lanes-again", request)).result()
    assert (result.verdict, result.items) == ("complete", 12) and result.warnings == []


async def test_a_terminated_run_is_resumed_from_the_store(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.4)
    request = oq_request(tmp_path, batching={"size": 2, "concurrency": 2})
    async with run_worker(client):
        handle = await start_run(client, request, "terminated")
        await wait_for_progress(handle, lambda p: p.items >= 6)
        await handle.terminate("by hand")
        assert (await handle.describe()).status == WorkflowExecutionStatus.TERMINATED
        result = await (await restart_run(client, "terminated", request)).result()
    assert (result.verdict, result.items) == ("complete", 25)
    assert len({item["id"] for item in read_items(tmp_path, "terminated")}) == 25


async def test_duplicates_rejected_by_an_earlier_run_stay_rejected(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.9)
    request = example_request("custom_quiz", tmp_path, duplicates={"method": "exact", "rounds": 1})
    first = await run_to_end(client, request, "duplicates-again")
    assert first.verdict == "partial" and first.duplicates_rejected > 0
    simulator.simulator.options = Options()
    async with run_worker(client):
        result = await (await restart_run(client, "duplicates-again", request)).result()
    questions = [item["question"] for item in read_items(tmp_path, "duplicates-again")]
    assert result.verdict == "complete" and len(set(questions)) == 18


async def test_the_same_request_under_a_new_id_reuses_all_answers(client, simulator, tmp_path):
    await run_to_end(client, oq_request(tmp_path), "paid")
    calls = simulator.stats()["calls"]
    second = await run_to_end(client, oq_request(tmp_path), "free")
    assert second.items == 25 and simulator.stats()["calls"] == calls and second.usage.calls == 0
    assert second.reused == calls
    fresh = await run_to_end(client, oq_request(tmp_path, reuse=False), "fresh")
    assert fresh.items == 25 and simulator.stats()["calls"] == 2 * calls
    other = await run_to_end(
        client, oq_request(tmp_path, model={"name": "o3-mini", "max_output_tokens": 7999}), "other"
    )
    assert other.items == 25 and simulator.stats()["calls"] == 3 * calls, "another parameter is another call"


async def test_answers_of_a_deleted_run_are_requested_once_more_and_then_reused(client, simulator, tmp_path):
    await run_to_end(client, oq_request(tmp_path), "removed")
    calls = simulator.stats()["calls"]
    shutil.rmtree(tmp_path / "removed")
    assert (await run_to_end(client, oq_request(tmp_path), "pays")).usage.calls == calls
    assert (await run_to_end(client, oq_request(tmp_path), "finds")).usage.calls == 0
    assert simulator.stats()["calls"] == 2 * calls


async def test_an_invalid_answer_is_never_reused(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison="slot 1:")
    first = await run_to_end(client, oq_request(tmp_path, target=4, retry={"attempts": 1}), "bad")
    assert first.items == 3
    simulator.simulator.options = Options()
    assert (
        await run_to_end(client, oq_request(tmp_path, target=4, retry={"attempts": 1}), "good")
    ).verdict == "complete"


async def test_the_ledger_has_a_line_for_each_slot(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison="slot 3:")
    await run_to_end(client, oq_request(tmp_path, target=6, retry={"attempts": 2}), "ledger")
    rows = [json.loads(row) for row in Path(tmp_path / "ledger" / "ledger.jsonl").read_text().splitlines()]
    assert [row["slot"] for row in rows] == [f"OQ-{n:03d}" for n in range(1, 7)]
    third = rows[2]
    assert third["verdict"] == "failed" and third["reason"].startswith("missing") and len(third["attempts"]) >= 3
    assert rows[0]["source"] == "model" and rows[0]["attempts"][-1]["came_to"] == "filled"
    assert all(row["attempts"][0]["tokens"]["completion_tokens"] > 0 for row in rows)

"""Whatever the endpoint does, a run ends exact, or reports each missing slot, or waits and says for what."""

import asyncio
import dataclasses
import random
import shutil

import pytest
from temporalio.client import Client

from activities.store.answers import Answer
from quire.request import Request
from runtime.temporal.runs import Handle
from simulator.options import Options
from tests.support.requests import batched_things_request, example_request
from tests.support.runs import assert_complete, read_items, run_to_end, start_run, wait_for_progress
from tests.support.workers import run_worker

FAULTS: dict[str, dict] = {
    "cut_off": {},
    "bad_json": {},
    "rate_limit": {"retry_after": 0.2},
    "rate_limit in ms": {"retry_after": 0.2, "retry_after_form": "ms"},
    "rate_limit as a date": {"retry_after": 1.0, "retry_after_form": "date"},
    "rate_limit without a word": {"retry_after_form": "none"},
    "server_error": {},
    "drop": {},
    "too_few": {},
    "too_many": {},
    "wrong_slots": {},
    "html": {},
    "empty": {},
    "no_choices": {},
    "stream_cut": {},
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_run_completes_under_every_fault(client, simulator, tmp_path, fault, stream):
    share = {fault.partition(" ")[0]: 0.3}
    simulator.simulator.options = Options(**share, **FAULTS[fault])
    name = f"fault-{fault.replace(' ', '-')}-{stream}"
    request = batched_things_request(tmp_path, model={"name": "gpt-4o-mini", "stream": stream})
    assert_complete(tmp_path, name, await run_to_end(client, request, name))
    assert simulator.stats()["faults"].get(fault.partition(" ")[0], 0) > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_hanging_call_times_out_and_is_retried(client, simulator, tmp_path, stream):
    simulator.simulator.options = Options(hang=0.2)
    request = batched_things_request(tmp_path, model={"name": "gpt-4o-mini", "timeout_seconds": 1, "stream": stream})
    assert_complete(tmp_path, f"hang-{stream}", await run_to_end(client, request, f"hang-{stream}"))


async def test_a_trickle_of_bytes_does_not_defeat_the_time_limit(client, simulator, tmp_path):
    simulator.simulator.options = Options(tokens_per_second=100)
    model = {"name": "gpt-4o-mini", "timeout_seconds": 2, "stream": True}
    request = batched_things_request(tmp_path, 5, model=model, batching={"size": 5})
    result = await run_to_end(client, request, "trickle")
    assert_complete(tmp_path, "trickle", result, 5)
    assert result.rounds > 1, "what was complete when the time was over is kept, and the rest asked for again"


@pytest.mark.parametrize("fault", ["refusal", "content_filter"])
async def test_each_refused_slot_is_reported_and_no_other_is_lost(client, simulator, tmp_path, fault):
    simulator.simulator.options = Options(**{fault: 0.4})
    result = await run_to_end(client, batched_things_request(tmp_path), f"refused-{fault}")
    assert result.items + result.failed_total == 40
    assert all(slot.reason.startswith("refused") for slot in result.failed_slots)
    assert len(read_items(tmp_path, f"refused-{fault}")) == result.items
    refusals = simulator.stats()["faults"][fault]
    assert result.failed_total <= refusals, "a batch that is refused is halved until the refused slot stands alone"


async def test_one_slot_that_always_fails_costs_none_of_its_neighbours(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison=r"thing 17\b")
    result = await run_to_end(client, batched_things_request(tmp_path, retry={"attempts": 2}), "poisoned")
    assert (result.verdict, result.items) == ("partial", 39)
    assert [slot.slot for slot in result.failed_slots] == ["017"]


async def test_a_single_item_that_is_cut_off_gets_the_models_full_limit_once(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    request = batched_things_request(tmp_path, 3, model={"name": "gpt-4o-mini", "max_output_tokens": 60})
    assert_complete(tmp_path, "full", await run_to_end(client, request, "full"), 3)
    unlimited = [body for body in simulator.simulator.bodies if "max_tokens" not in body]
    assert len(unlimited) == 3 and len(simulator.simulator.bodies) == 6


async def test_batches_shrink_before_they_fail_when_items_turn_out_longer(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1)
    batching = {"size": "auto", "tokens_per_item": 20, "concurrency": 1}
    request = batched_things_request(
        tmp_path, 60, model={"name": "gpt-4o-mini", "max_output_tokens": 1000}, batching=batching
    )
    result = await run_to_end(client, request, "learns")
    assert_complete(tmp_path, "learns", result, 60)
    assert simulator.stats()["calls"] < 14, "only the first ones are cut off"


async def test_a_batch_whose_prompt_is_too_long_is_split(client, simulator, tmp_path):
    simulator.simulator.options = Options(context_window=90)
    request = batched_things_request(tmp_path, 20, batching={"size": 20, "tokens_per_item": 20})
    assert_complete(tmp_path, "window", await run_to_end(client, request, "window"), 20)


@pytest.mark.parametrize("forms", [("json_object", "text"), ("text",)])
async def test_an_endpoint_with_fewer_structured_output_modes_is_probed_once(client, simulator, tmp_path, forms):
    simulator.simulator.options = Options(forms=forms, record=True)
    assert_complete(
        tmp_path,
        f"forms-{len(forms)}",
        await run_to_end(client, batched_things_request(tmp_path), f"forms-{len(forms)}"),
    )
    calls = simulator.simulator.bodies
    refused = [body for body in calls if (body.get("response_format") or {"type": "text"})["type"] not in forms]
    assert 1 <= len(refused) <= 10 * (3 - len(forms)), "at most what was in flight before it was known"
    assert len(calls) - len(refused) == 8


class _FourthDrawOnly(random.Random):
    """Random numbers of which only the fourth causes a fault: the call that races it has none."""

    drawn = 0

    def random(self) -> float:
        self.drawn += 1
        return 0.0 if self.drawn == 4 else 1.0


async def test_a_hedging_call_races_a_slow_one_and_both_are_counted(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1, slow=0.5, slow_seconds=30)
    simulator.simulator._random = _FourthDrawOnly()
    batching = {"size": 2, "concurrency": 4, "hedge": {"after": 3}}
    result = await run_to_end(client, batched_things_request(tmp_path, batching=batching), "hedged")
    assert_complete(tmp_path, "hedged", result)
    assert result.seconds < 25
    assert simulator.stats()["faults"]["slow"] == 1 and simulator.stats()["calls"] == 21


async def start_until_paused(client: Client, request: Request, name: str, waits_for: str) -> Handle:
    handle = await start_run(client, request, name)
    await wait_for_progress(handle, lambda p: p.waits_for == waits_for and not p.in_flight)
    return handle


async def test_a_wrong_key_pauses_the_run_and_says_what_to_do(client, simulator, tmp_path):
    simulator.simulator.options = Options(api_key="right")
    async with run_worker(client):
        handle = await start_until_paused(client, batched_things_request(tmp_path), "wrong-key", "repair")
        why = (await wait_for_progress(handle, lambda p: True)).why
        assert "refused the API key in OPENAI_API_KEY" in why and "starter.py resume wrong-key" in why
        assert simulator.stats()["calls"] == 0
        simulator.simulator.options = Options()
        await handle.signal("resume")
        assert_complete(tmp_path, "wrong-key", await handle.result())


async def test_a_wrong_key_of_the_planning_model_pauses_before_the_first_batch(client, simulator, tmp_path):
    simulator.simulator.options = Options(api_key="right")
    async with run_worker(client):
        handle = await start_until_paused(client, example_request("eval_dataset", tmp_path), "wrong-planner", "repair")
        simulator.simulator.options = Options()
        await handle.signal("resume")
        result = await handle.result()
    assert result.verdict == "complete" and result.warnings == []


async def test_an_account_without_funds_during_review_loses_no_review(client, simulator, tmp_path):
    from simulator.server import SimulatorServer

    with SimulatorServer(Options(funds=0)) as judge:
        inputs = example_request("eval_dataset", tmp_path).inputs | {"plan": False, "judge": "all"}
        request = example_request(
            "eval_dataset", tmp_path, inputs=inputs, model={"name": "gpt-4o", "base_url": judge.base_url}
        )
        async with run_worker(client):
            handle = await start_run(client, request, "empty-judge")
            await wait_for_progress(handle, lambda p: p.waits_for == "repair")
            judge.simulator.options = Options()
            await handle.signal("resume")
            result = await handle.result()
        assert result.verdict == "complete" and result.warnings == [] and judge.stats()["answered"] == 5


@pytest.mark.parametrize("place", ["batches", "ledger.jsonl"])
async def test_an_unwritable_store_pauses_the_run_and_no_call_is_repeated(client, simulator, tmp_path, place):
    name = f"no-room-{place[:6]}"
    async with run_worker(client):
        handle = await start_run(client, batched_things_request(tmp_path, approve="plan"), name)
        await wait_for_progress(handle, lambda p: p.waits_for == "approval")
        in_the_way = tmp_path / name / place
        in_the_way.write_text("") if place == "batches" else (in_the_way / "full").mkdir(parents=True)
        await handle.execute_update("approve")
        waiting = await wait_for_progress(handle, lambda p: p.waits_for == "repair")
        assert f"{place}" in waiting.why and "cannot be written" in waiting.why
        in_the_way.unlink() if place == "batches" else shutil.rmtree(in_the_way)
        await handle.signal("resume")
        assert_complete(tmp_path, name, await handle.result())
    assert simulator.stats()["calls"] == 8


async def test_an_account_without_funds_pauses_the_run_until_resumed(client, simulator, tmp_path):
    simulator.simulator.options = Options(funds=3)
    async with run_worker(client):
        handle = await start_until_paused(client, batched_things_request(tmp_path), "no-funds", "repair")
        progress = await wait_for_progress(handle, lambda p: True)
        assert "plan and billing" in progress.why and progress.items == 15
        simulator.simulator.options = Options()
        await handle.signal("resume")
        assert_complete(tmp_path, "no-funds", await handle.result())
    assert simulator.stats()["answered"] == 8, "nothing is paid for twice"


async def test_a_run_sleeps_until_a_spent_quota_resets_and_says_when(client, simulator, tmp_path):
    simulator.simulator.options = Options(quota=3, quota_seconds=4000)
    async with run_worker(client):
        handle = await start_until_paused(client, batched_things_request(tmp_path), "quota", "quota")
        why = (await wait_for_progress(handle, lambda p: True)).why
        assert "quota is spent until" in why and "UTC" in why
        calls = simulator.stats()["calls"]
        await asyncio.sleep(1)
        assert simulator.stats()["calls"] == calls, "it does not ask meanwhile"
        simulator.simulator.options = dataclasses.replace(simulator.simulator.options, quota=None)
        await handle.signal("resume")
        assert_complete(tmp_path, "quota", await handle.result())


async def test_a_run_wakes_by_itself_when_its_quota_resets(client, simulator, tmp_path, monkeypatch):
    from activities.model import http_errors

    monkeypatch.setattr(http_errors, "QUOTA_WAIT", 1.0)
    simulator.simulator.options = Options(quota=3, quota_seconds=2)
    async with run_worker(client):
        handle = await start_until_paused(client, batched_things_request(tmp_path), "quota-wakes", "quota")
        simulator.simulator.options = Options()
        assert_complete(tmp_path, "quota-wakes", await handle.result())


async def test_a_fallback_model_is_called_when_attempts_are_used_up(client, simulator, tmp_path):
    from simulator.server import SimulatorServer

    with SimulatorServer(Options()) as other:
        simulator.simulator.options = Options(poison=r"thing (7|8)\b")
        fallback = {"name": "second-model", "base_url": other.base_url}
        model = {"name": "gpt-4o-mini", "fallbacks": [fallback]}
        result = await run_to_end(
            client, batched_things_request(tmp_path, model=model, retry={"attempts": 1}), "other-model"
        )
        assert_complete(tmp_path, "other-model", result)
        models = {item["id"]: item["provenance"]["model"] for item in read_items(tmp_path, "other-model")}
        assert {name for name, model in models.items() if model == "second-model"} == {"007", "008"}
        assert set(result.models) == {"gpt-4o-mini", "second-model"} and other.stats()["answered"] >= 1


async def test_a_streamed_answer_is_stored_in_parts_for_the_next_attempt(client, simulator, tmp_path):
    """The next attempt takes the stored part, whichever worker makes it."""
    from activities.store.object_store import Store

    simulator.simulator.options = Options(tokens_per_second=300)
    request = batched_things_request(tmp_path, 10, model={"name": "gpt-4o-mini", "stream": True}, batching={"size": 10})
    async with run_worker(client):
        handle = await start_run(client, request, "mid-answer")
        store = Store(str(tmp_path), "mid-answer")
        async with asyncio.timeout(30):
            while not [key async for key in store.list_sorted_keys("responses/") if key.endswith(".part")]:
                await asyncio.sleep(0.1)
        (part,) = [key async for key in store.list_sorted_keys("responses/")]
        answer = Answer.decode(await store.get(part) or b"")
        assert answer.finish_reason == "interrupted" and answer.estimated
        assert_complete(tmp_path, "mid-answer", await handle.result(), 10)

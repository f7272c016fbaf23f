"""Whatever the endpoint does, a run ends exact, or says slot by slot why not, or waits and says for what."""

import asyncio
import dataclasses
import random
import shutil

import pytest
from temporalio.client import Client

from activities.store.answers import Answer
from benchmarks.harness import ITEM
from quire.progress import Result
from quire.request import Request
from runtime.temporal.runs import Handle
from runtime.worker.host import hosted
from simulator.options import Options
from tests.conftest import example, lay_out, lines, made
from tests.workflows.test_steering import begun, until


def things(store, count: int = 40, **changes) -> Request:
    """A request of a schema that is easy to check."""
    inputs = {
        "item": ITEM,
        "instructions": "Make things.",
        "prompt": "thing {{ index }}",
        "slots": {"count": count},
    }
    said = {
        "recipe": "custom",
        "inputs": inputs,
        "model": {"name": "gpt-4o-mini"},
        "batching": {"size": 5, "concurrency": 10, "tokens_per_item": 120},
        "retry": {"attempts": 12},
        "output": {"store": str(store), "formats": ["jsonl"]},
    }
    return lay_out(said | changes).request


def exact(store, name: str, result: Result, count: int = 40) -> None:
    assert (result.verdict, result.items) == ("complete", count), result.failed_slots
    ids = [item["id"] for item in lines(store, name)]
    assert len(set(ids)) == len(ids) == count


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
async def test_every_fault_is_survived(client, simulator, tmp_path, fault, stream):
    share = {fault.partition(" ")[0]: 0.3}
    simulator.simulator.options = Options(**share, **FAULTS[fault])
    name = f"fault-{fault.replace(' ', '-')}-{stream}"
    request = things(tmp_path, model={"name": "gpt-4o-mini", "stream": stream})
    exact(tmp_path, name, await made(client, request, name))
    assert simulator.stats()["faults"].get(fault.partition(" ")[0], 0) > 0


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_hangs_is_given_up_and_made_again(client, simulator, tmp_path, stream):
    simulator.simulator.options = Options(hang=0.2)
    request = things(tmp_path, model={"name": "gpt-4o-mini", "timeout_seconds": 1, "stream": stream})
    exact(tmp_path, f"hang-{stream}", await made(client, request, f"hang-{stream}"))


async def test_a_trickle_of_bytes_does_not_defeat_the_time_limit(client, simulator, tmp_path):
    simulator.simulator.options = Options(tokens_per_second=100)
    model = {"name": "gpt-4o-mini", "timeout_seconds": 2, "stream": True}
    request = things(tmp_path, 5, model=model, batching={"size": 5})
    result = await made(client, request, "trickle")
    exact(tmp_path, "trickle", result, 5)
    assert result.rounds > 1, "what was complete when the time was over is kept, and the rest asked for again"


@pytest.mark.parametrize("fault", ["refusal", "content_filter"])
async def test_each_refused_slot_is_told_and_no_other_is_lost(client, simulator, tmp_path, fault):
    simulator.simulator.options = Options(**{fault: 0.4})
    result = await made(client, things(tmp_path), f"refused-{fault}")
    assert result.items + result.failed_total == 40
    assert all(slot.reason.startswith("refused") for slot in result.failed_slots)
    assert len(lines(tmp_path, f"refused-{fault}")) == result.items
    told = simulator.stats()["faults"][fault]
    assert result.failed_total <= told, "a batch that is refused is halved until the refused slot stands alone"


async def test_one_poisoned_slot_costs_none_of_its_neighbours(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison=r"thing 17\b")
    result = await made(client, things(tmp_path, retry={"attempts": 2}), "poisoned")
    assert (result.verdict, result.items) == ("partial", 39)
    assert [slot.slot for slot in result.failed_slots] == ["017"]


async def test_a_single_item_that_is_cut_off_gets_the_models_full_limit_once(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    request = things(tmp_path, 3, model={"name": "gpt-4o-mini", "max_output_tokens": 60})
    exact(tmp_path, "full", await made(client, request, "full"), 3)
    unlimited = [body for body in simulator.simulator.bodies if "max_tokens" not in body]
    assert len(unlimited) == 3 and len(simulator.simulator.bodies) == 6


async def test_batches_shrink_before_they_fail_when_items_turn_out_longer(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1)
    batching = {"size": "auto", "tokens_per_item": 20, "concurrency": 1}
    request = things(tmp_path, 60, model={"name": "gpt-4o-mini", "max_output_tokens": 1000}, batching=batching)
    result = await made(client, request, "learns")
    exact(tmp_path, "learns", result, 60)
    assert simulator.stats()["calls"] < 14, "only the first ones are cut off"


async def test_a_prompt_that_is_too_long_is_divided(client, simulator, tmp_path):
    simulator.simulator.options = Options(context_window=90)
    request = things(tmp_path, 20, batching={"size": 20, "tokens_per_item": 20})
    exact(tmp_path, "window", await made(client, request, "window"), 20)


@pytest.mark.parametrize("forms", [("json_object", "text"), ("text",)])
async def test_a_server_that_knows_less_structured_output_is_asked_once(client, simulator, tmp_path, forms):
    simulator.simulator.options = Options(forms=forms, record=True)
    exact(tmp_path, f"forms-{len(forms)}", await made(client, things(tmp_path), f"forms-{len(forms)}"))
    calls = simulator.simulator.bodies
    refused = [body for body in calls if (body.get("response_format") or {"type": "text"})["type"] not in forms]
    assert 1 <= len(refused) <= 10 * (3 - len(forms)), "at most what was in flight before it was known"
    assert len(calls) - len(refused) == 8


class _FourthOnly(random.Random):
    """Chance, of which only the fourth draw has a fault: the call that races it has none."""

    drawn = 0

    def random(self) -> float:
        self.drawn += 1
        return 0.0 if self.drawn == 4 else 1.0


async def test_a_second_call_races_a_slow_one_and_both_are_counted(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.1, slow=0.5, slow_seconds=30)
    simulator.simulator._chance = _FourthOnly()
    batching = {"size": 2, "concurrency": 4, "hedge": {"after": 3}}
    result = await made(client, things(tmp_path, batching=batching), "hedged")
    exact(tmp_path, "hedged", result)
    assert result.seconds < 25
    assert simulator.stats()["faults"]["slow"] == 1 and simulator.stats()["calls"] == 21


async def paused_by(client: Client, request: Request, name: str, waits_for: str) -> Handle:
    handle = await begun(client, request, name)
    await until(handle, lambda p: p.waits_for == waits_for and not p.in_flight)
    return handle


async def test_a_wrong_key_pauses_the_run_and_says_what_to_do(client, simulator, tmp_path):
    simulator.simulator.options = Options(api_key="right")
    async with hosted(client):
        handle = await paused_by(client, things(tmp_path), "wrong-key", "repair")
        why = (await until(handle, lambda p: True)).why
        assert "refused the API key in OPENAI_API_KEY" in why and "starter.py resume wrong-key" in why
        assert simulator.stats()["calls"] == 0
        simulator.simulator.options = Options()
        await handle.signal("resume")
        exact(tmp_path, "wrong-key", await handle.result())


async def test_a_wrong_key_of_the_planning_model_pauses_before_anything_is_made(client, simulator, tmp_path):
    simulator.simulator.options = Options(api_key="right")
    async with hosted(client):
        handle = await paused_by(client, example("eval_dataset", tmp_path), "wrong-planner", "repair")
        simulator.simulator.options = Options()
        await handle.signal("resume")
        result = await handle.result()
    assert result.verdict == "complete" and result.warnings == []


async def test_an_account_that_is_empty_when_it_comes_to_judging_loses_no_judgement(client, simulator, tmp_path):
    from simulator.server import SimulatorServer

    with SimulatorServer(Options(funds=0)) as judge:
        inputs = example("eval_dataset", tmp_path).inputs | {"plan": False, "judge": "all"}
        request = example("eval_dataset", tmp_path, inputs=inputs, model={"name": "gpt-4o", "base_url": judge.base_url})
        async with hosted(client):
            handle = await begun(client, request, "empty-judge")
            await until(handle, lambda p: p.waits_for == "repair")
            judge.simulator.options = Options()
            await handle.signal("resume")
            result = await handle.result()
        assert result.verdict == "complete" and result.warnings == [] and judge.stats()["answered"] == 5


@pytest.mark.parametrize("place", ["batches", "ledger.jsonl"])
async def test_a_store_that_cannot_be_written_pauses_the_run_and_nothing_is_paid_for_twice(
    client, simulator, tmp_path, place
):
    name = f"no-room-{place[:6]}"
    async with hosted(client):
        handle = await begun(client, things(tmp_path, approve="plan"), name)
        await until(handle, lambda p: p.waits_for == "approval")
        in_the_way = tmp_path / name / place
        in_the_way.write_text("") if place == "batches" else (in_the_way / "full").mkdir(parents=True)
        await handle.execute_update("approve")
        waiting = await until(handle, lambda p: p.waits_for == "repair")
        assert f"{place}" in waiting.why and "cannot be written" in waiting.why
        in_the_way.unlink() if place == "batches" else shutil.rmtree(in_the_way)
        await handle.signal("resume")
        exact(tmp_path, name, await handle.result())
    assert simulator.stats()["calls"] == 8


async def test_an_empty_account_pauses_the_run_and_it_goes_on_when_resumed(client, simulator, tmp_path):
    simulator.simulator.options = Options(funds=3)
    async with hosted(client):
        handle = await paused_by(client, things(tmp_path), "no-funds", "repair")
        progress = await until(handle, lambda p: True)
        assert "plan and billing" in progress.why and progress.items == 15
        simulator.simulator.options = Options()
        await handle.signal("resume")
        exact(tmp_path, "no-funds", await handle.result())
    assert simulator.stats()["answered"] == 8, "nothing is paid for twice"


async def test_a_spent_quota_sleeps_until_it_resets_and_says_until_when(client, simulator, tmp_path):
    simulator.simulator.options = Options(quota=3, quota_seconds=4000)
    async with hosted(client):
        handle = await paused_by(client, things(tmp_path), "quota", "quota")
        why = (await until(handle, lambda p: True)).why
        assert "quota is spent until" in why and "UTC" in why
        calls = simulator.stats()["calls"]
        await asyncio.sleep(1)
        assert simulator.stats()["calls"] == calls, "it does not ask meanwhile"
        simulator.simulator.options = dataclasses.replace(simulator.simulator.options, quota=None)
        await handle.signal("resume")
        exact(tmp_path, "quota", await handle.result())


async def test_a_quota_wakes_by_itself(client, simulator, tmp_path, monkeypatch):
    from activities.model import http_errors

    monkeypatch.setattr(http_errors, "LONG", 1.0)
    simulator.simulator.options = Options(quota=3, quota_seconds=2)
    async with hosted(client):
        handle = await paused_by(client, things(tmp_path), "quota-wakes", "quota")
        simulator.simulator.options = Options()
        exact(tmp_path, "quota-wakes", await handle.result())


async def test_another_model_is_asked_when_tries_are_used_up(client, simulator, tmp_path):
    from simulator.server import SimulatorServer

    with SimulatorServer(Options()) as other:
        simulator.simulator.options = Options(poison=r"thing (7|8)\b")
        fallback = {"name": "second-model", "base_url": other.base_url}
        model = {"name": "gpt-4o-mini", "fallbacks": [fallback]}
        result = await made(client, things(tmp_path, model=model, retry={"attempts": 1}), "other-model")
        exact(tmp_path, "other-model", result)
        models = {item["id"]: item["provenance"]["model"] for item in lines(tmp_path, "other-model")}
        assert {name for name, model in models.items() if model == "second-model"} == {"007", "008"}
        assert set(result.models) == {"gpt-4o-mini", "second-model"} and other.stats()["answered"] >= 1


async def test_a_worker_that_dies_in_mid_answer_asks_again_only_for_the_rest(client, simulator, tmp_path):
    """The answer so far is in the store: the next attempt takes it, whoever makes it."""
    from activities.store.object_store import Store

    simulator.simulator.options = Options(tokens_per_second=300)
    request = things(tmp_path, 10, model={"name": "gpt-4o-mini", "stream": True}, batching={"size": 10})
    async with hosted(client):
        handle = await begun(client, request, "mid-answer")
        store = Store(str(tmp_path), "mid-answer")
        async with asyncio.timeout(30):
            while not [key async for key in store.keys("responses/") if key.endswith(".part")]:
                await asyncio.sleep(0.1)
        (part,) = [key async for key in store.keys("responses/")]
        whole = Answer.load(await store.get(part) or b"")
        assert whole.finish_reason == "interrupted" and whole.estimated
        exact(tmp_path, "mid-answer", await handle.result(), 10)

"""Complete runs on the real server, against the simulator."""

import asyncio
import dataclasses
import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from quire import sharding
from quire.progress import Progress, Result
from simulator.options import Options
from tests.record_histories import IN_SHARDS, SMALL_SHARDS
from tests.support.requests import oq_request
from tests.support.runs import run_to_end
from tests.support.workers import run_worker
from workflows.generate_artifact import GenerateArtifact
from workflows.generate_shard import GenerateShard

HISTORIES = Path(__file__).parent.parent / "histories"


def read_artifact(result: Result) -> dict:
    assert result.artifact
    return json.loads(Path(result.artifact).read_text())


def assert_25_tests(result: Result) -> None:
    assert (result.verdict, result.items, result.failed_total) == ("complete", 25, 0)
    suite = read_artifact(result)
    assert [test["id"] for test in suite["tests"]] == [f"OQ-{n:03d}" for n in range(1, 26)]
    assert suite["uncovered"] == [] and len(suite["traceability"]) == 30
    assert suite["metadata"]["total"] == 25 and suite["metadata"]["method"] == "progressive"


async def test_the_example_is_exact_in_three_calls(client, simulator, tmp_path):
    result = await run_to_end(client, oq_request(tmp_path), "exact")
    assert_25_tests(result)
    assert result.batches.model_dump() == {"planned": 3, "completed": 3, "failed": 0}
    assert simulator.stats()["calls"] == 3 and result.simulated
    assert {test["provenance"]["source"] for test in read_artifact(result)["tests"]} == {"model"}


@pytest.mark.parametrize(("size", "seed"), [("auto", 1), ("auto", 2), (3, 3)])
async def test_a_misbehaving_endpoint_still_gives_exactly_25(client, simulator, tmp_path, size, seed):
    simulator.simulator.options = Options(
        rate_limit=0.2, server_error=0.1, bad_json=0.1, too_few=0.1, retry_after=0.1, seed=seed
    )
    assert_25_tests(await run_to_end(client, oq_request(tmp_path, batching={"size": size}), f"faults-{seed}"))
    assert size == "auto" or sum(simulator.stats()["faults"].values()) > 0


async def test_complete_items_of_a_cut_off_answer_are_kept(client, simulator, tmp_path):
    model = {"name": "gpt-4o", "max_output_tokens": 1200}
    result = await run_to_end(client, oq_request(tmp_path, model=model, batching={"tokens_per_item": 150}), "cut-off")
    assert_25_tests(result)
    assert result.rounds > 1


async def test_without_a_workflow_cache_every_task_replays(client, simulator, tmp_path):
    assert_25_tests(
        await run_to_end(client, oq_request(tmp_path, batching={"size": 5}), "no-cache", max_cached_workflows=0)
    )


async def test_a_refused_slot_gives_a_partial_result_with_its_reason(client, simulator, tmp_path):
    simulator.simulator.options = dataclasses.replace(simulator.simulator.options, refusal=1.0)
    result = await run_to_end(client, oq_request(tmp_path, target=3), "refused")
    assert (result.verdict, result.items, result.artifact, result.failed_total) == ("failed", 0, None, 3)
    assert all(slot.reason.startswith("refused") for slot in result.failed_slots)


async def test_a_missing_file_fails_the_run_with_its_name(client, simulator, tmp_path):
    request = oq_request(tmp_path, inputs={"urs": "nowhere.md", "gamp_category": 5})
    with pytest.raises(WorkflowFailureError) as raised:
        await run_to_end(client, request, "no-file")
    assert "inputs.urs: there is no file" in str(raised.value.cause)


async def test_an_invalid_request_from_the_temporal_cli_fails_instead_of_hanging(client, simulator, tmp_path):
    async with run_worker(client):
        with pytest.raises(WorkflowFailureError):
            await client.execute_workflow("GenerateArtifact", {"recipe": 3}, id="bad-input", task_queue="quire")


async def test_cancelling_keeps_finished_items_with_the_verdict_cancelled(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.3)
    request = oq_request(tmp_path, batching={"size": 2, "concurrency": 2})
    async with run_worker(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id="cancelled", task_queue="quire", result_type=Result
        )
        async with asyncio.timeout(20):
            while (await handle.query("progress", result_type=Progress)).items < 4:
                await asyncio.sleep(0.1)
        await handle.cancel()
        result = await handle.result()
    assert result.verdict == "cancelled" and 4 <= result.items < 25
    assert len(read_artifact(result)["tests"]) == result.items
    assert result.failed_total == 25 - result.items


async def test_pause_starts_no_call_and_finish_now_ends_the_run(client, simulator, tmp_path):
    async with run_worker(client):
        handle = await client.start_workflow(
            "GenerateArtifact",
            oq_request(tmp_path, batching={"size": 1, "concurrency": 1}),
            id="paused",
            task_queue="quire",
            result_type=Result,
            start_signal="pause",
        )
        async with asyncio.timeout(30):
            while (await handle.query("progress", result_type=Progress)).stage != "paused":
                await asyncio.sleep(0.05)
        await asyncio.sleep(1)
        progress = await handle.query("progress", result_type=Progress)
        assert (progress.stage, progress.items, simulator.stats()["calls"]) == ("paused", 0, 0)
        await handle.signal("finish_now")
        result = await handle.result()
    assert result.verdict == "failed" and "finished early" in result.warnings[0]


@pytest.mark.parametrize("file", sorted(HISTORIES.glob("*.json")), ids=lambda file: file.stem)
async def test_recorded_histories_replay(file, monkeypatch):
    if file.stem in IN_SHARDS:
        monkeypatch.setattr(sharding, "UNSHARDED_BATCHES", SMALL_SHARDS[0])
        monkeypatch.setattr(sharding, "SHARD_BATCHES", SMALL_SHARDS[1])
    history = WorkflowHistory.from_json(f"history-{file.stem}", file.read_text())
    replayer = Replayer(workflows=[GenerateArtifact, GenerateShard], data_converter=pydantic_data_converter)
    await replayer.replay_workflow(history)


def test_at_least_three_histories_are_recorded():
    assert len(list(HISTORIES.glob("*.json"))) >= 3

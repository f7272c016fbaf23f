"""A run's text is all from a model or all simulated, whatever variables a second worker lacks."""

import json

from simulator.options import Options
from tests.support.requests import oq_request
from tests.support.runs import read_items, start_run, wait_for_progress
from tests.support.workers import run_worker


async def test_a_worker_without_a_key_adds_no_simulated_text_to_a_models_run(client, simulator, monkeypatch, tmp_path):
    simulator.simulator.options = Options(latency=0.3)
    request = oq_request(tmp_path, batching={"size": 1, "concurrency": 1})
    async with run_worker(client):
        handle = await start_run(client, request, "two-kinds")
        await wait_for_progress(handle, lambda p: p.items >= 2)
    calls = simulator.stats()["answered"]
    monkeypatch.delenv("OPENAI_BASE_URL")
    async with run_worker(client) as worker:
        assert worker.simulated
        progress = await wait_for_progress(handle, lambda p: p.waits_for == "repair")
        assert "neither OPENAI_API_KEY nor OPENAI_BASE_URL" in progress.why
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.base_url)
    async with run_worker(client):
        await handle.signal("resume")
        assert (await handle.result()).items == 25
    assert simulator.stats()["answered"] == 25 >= calls
    assert len(read_items(tmp_path, "two-kinds")) == 25


async def test_a_simulated_run_never_calls_a_model_later(client, simulator, monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_BASE_URL")
    request = oq_request(tmp_path, batching={"size": 1, "concurrency": 1})
    async with run_worker(client):
        handle = await start_run(client, request, "simulated-first")
        await wait_for_progress(handle, lambda p: p.items >= 1)
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.base_url)
    async with run_worker(client):
        progress = await wait_for_progress(handle, lambda p: p.waits_for == "repair")
        assert "began with simulated text" in progress.why and simulator.stats()["calls"] == 0
        await handle.signal("finish_now")
        result = await handle.result()
    assert result.simulated and 1 <= result.items < 25
    with (tmp_path / "simulated-first" / "plan.jsonl").open() as plan:
        assert json.loads(plan.readline())["request"]["default_base_url"] == "simulator"
    assert {item["provenance"]["endpoint"] for item in read_items(tmp_path, "simulated-first")} == {"simulator"}

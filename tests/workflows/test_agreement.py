"""A run's text is all a model's or all simulated, whatever variables a second worker lacks."""

import json
from pathlib import Path

from runtime.worker.host import hosted
from simulator.options import Options
from tests.conftest import lines, oq
from tests.workflows.test_steering import begun, until


async def test_a_worker_without_the_key_adds_no_simulated_text_to_a_models(client, simulator, monkeypatch, tmp_path):
    simulator.simulator.options = Options(latency=0.3)
    request = oq(tmp_path, batching={"size": 1, "concurrency": 1})
    async with hosted(client):
        handle = await begun(client, request, "two-kinds")
        await until(handle, lambda p: p.items >= 2)
    calls = simulator.stats()["answered"]
    monkeypatch.delenv("OPENAI_BASE_URL")
    async with hosted(client) as worker:
        assert worker.simulated
        progress = await until(handle, lambda p: p.waits_for == "repair")
        assert "neither OPENAI_API_KEY nor OPENAI_BASE_URL" in progress.why
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.base_url)
    async with hosted(client):
        await handle.signal("resume")
        assert (await handle.result()).items == 25
    assert simulator.stats()["answered"] == 25 >= calls
    assert len(lines(tmp_path, "two-kinds")) == 25


async def test_a_run_that_is_simulated_calls_no_model_later(client, simulator, monkeypatch, tmp_path):
    monkeypatch.delenv("OPENAI_BASE_URL")
    request = oq(tmp_path, batching={"size": 1, "concurrency": 1})
    async with hosted(client):
        handle = await begun(client, request, "simulated-first")
        await until(handle, lambda p: p.items >= 1)
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.base_url)
    async with hosted(client):
        progress = await until(handle, lambda p: p.waits_for == "repair")
        assert "began with simulated text" in progress.why and simulator.stats()["calls"] == 0
        await handle.signal("finish_now")
        result = await handle.result()
    assert result.simulated and 1 <= result.items < 25
    text = json.loads((Path(tmp_path) / "simulated-first" / "plan.text.json").read_text())
    assert text == {"simulated": True}

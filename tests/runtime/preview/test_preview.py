"""The output of `check`, compared with what a run then does."""

import json
from typing import Any

import pytest

from quire.request import Request
from runtime.paths import ROOT
from runtime.preview.preview import build_preview
from runtime.request import request_file
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.support.requests import example_request, oq_request
from tests.support.runs import run_to_end
from tests.support.shell import EXAMPLE

NAMES = ["oq_suite", "topic_dataset", "drill_series", "eval_dataset", "roadmap", "custom_quiz", "custom_products"]
BIG = """
recipe: custom
inputs:
  instructions: You write riddles.
  prompt: "riddle {{ index }} of {{ count }}"
  slots: {count: 100000}
  item: {type: object, additionalProperties: false, required: [riddle], properties: {riddle: {type: string}}}
model: {name: gpt-4o-mini}
batching: {size: 5}
"""


@pytest.fixture
def recording(monkeypatch):
    with SimulatorServer(Options(record=True)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        yield server


async def preview_request(request: Request, **options: Any) -> dict[str, Any]:
    """Return what `check` reports of a request."""
    return await build_preview(request_file.check_mapping(request.model_dump(mode="json")), **options)


def without_streaming(request: Request) -> Request:
    """Return the request without streaming: a busy machine may cut a streamed answer off, and `check` does not find
    one."""
    models = {name: getattr(request, name) for name in ("model", "worker_model")}
    changed = {name: model.model_copy(update={"stream": False}) for name, model in models.items() if model}
    return request.model_copy(update=changed)


def is_within(ends: dict[str, float], value: float) -> bool:
    return ends["low"] <= value <= ends["high"]


def test_check_shows_the_plan_and_calls_no_model(shell):
    with SimulatorServer(Options()) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        plan = json.loads(shell("check", str(EXAMPLE), "--prompt", "--json").stdout)
        output = shell("check", str(EXAMPLE), "--prompt")
        assert model.stats()["calls"] == 0
    assert [batch["size"] for batch in plan["batches"]] == [9, 8, 8] and plan["batch_count"] == 3
    assert plan["expected"] == {"requirements": 30} and plan["endpoint"] == model.base_url
    assert plan["prompts"][0]["body"]["messages"][0]["content"] in output.stdout
    assert '"response_format"' in output.stdout and "[URS-001]" in output.stdout
    assert not shell.home.exists()


@pytest.mark.parametrize("name", NAMES)
async def test_check_shows_the_exact_prompt_of_the_first_call(client, recording, tmp_path, name):
    id = f"prompt-{name}"
    request = example_request(name, tmp_path, batching={"concurrency": 1})
    output = await preview_request(request, name=id, prompt=True)
    assert recording.stats()["calls"] == 0 and not list(tmp_path.iterdir())
    await run_to_end(client, request, id)
    bodies = [{key: body[key] for key in body if not key.startswith("stream")} for body in recording.simulator.bodies]
    assert output["prompts"][0]["body"] in bodies
    if not output["prompts"][-1].get("note"):
        assert output["prompts"][-1]["body"] == bodies[0]


@pytest.mark.parametrize("name", NAMES)
async def test_a_run_stays_within_checks_estimate_and_the_next_check_finds_its_answers(
    client, simulator, tmp_path, name
):
    request = without_streaming(example_request(name, tmp_path, seed=7))
    before = await preview_request(request)
    assert before["reuse"]["batches"] == 0
    result = await run_to_end(client, request, f"paid-{name}")
    estimate, usage = before["estimate"], result.usage
    assert result.verdict == "complete" and is_within(estimate["calls"], usage.calls)
    assert is_within(estimate["prompt_tokens"], usage.prompt_tokens), (estimate, usage)
    assert usage.completion_tokens <= estimate["completion_tokens"]["high"]  # a model writes more than the simulator
    own = await preview_request(request, name=f"paid-{name}")
    assert own["reuse"]["batches"] == result.batches.planned and own["reuse"]["items"] >= result.items
    assert {part["part"] for part in own["estimate"]["parts"]} <= {"planning", "judging"}
    after = await preview_request(request)
    if name == "eval_dataset":  # only a run of the same id finds what the planning model said
        assert "planning model" in after["reuse"]["why"]
        return
    assert after["reuse"]["batches"] == result.batches.planned and after["reuse"]["runs"] == [f"paid-{name}"]
    assert after["estimate"]["calls"] == {"low": 0, "high": 0}
    second = await run_to_end(client, request, f"again-{name}")
    assert second.usage.calls == 0 and second.reused == result.batches.planned


async def test_check_finds_only_answers_to_the_same_request(client, simulator, tmp_path):
    await run_to_end(client, oq_request(tmp_path), "first")
    assert (await preview_request(oq_request(tmp_path)))["reuse"]["batches"] == 3
    assert (await preview_request(oq_request(tmp_path, model={"name": "gpt-4o"})))["reuse"]["batches"] == 0
    fresh = await preview_request(oq_request(tmp_path, reuse=False))
    assert fresh["reuse"]["batches"] == 0 and "reuse: false" in fresh["reuse"]["why"]
    (tmp_path / "first" / "responses").rename(tmp_path / "away")
    assert (await preview_request(oq_request(tmp_path)))["reuse"]["batches"] == 0


async def test_check_says_when_items_are_drawn_by_the_runs_id(tmp_path):
    request = example_request("drill_series", tmp_path, seed=None)
    output = await preview_request(request)
    assert "--id" in output["reuse"]["why"]
    first, two = [(await preview_request(request, name=name, prompt=True))["prompts"] for name in ("one", "two")]
    assert first != two


async def test_the_estimate_counts_planning_judging_duplicates_vectors_and_racing_calls(tmp_path):
    request = example_request(
        "eval_dataset",
        tmp_path,
        duplicates={"method": "semantic", "embedding": {"name": "gpt-4o-mini"}},
        batching={"hedge": {"after": 3}},
    )
    estimate = (await preview_request(request))["estimate"]
    parts = {part["part"]: part for part in estimate["parts"]}
    assert list(parts) == ["planning", "batches", "made again", "duplicates", "racing calls", "judging", "vectors"]
    assert parts["planning"]["calls"] == {"low": 3, "high": 3} and parts["judging"]["model"] == "gpt-4o"
    assert parts["vectors"]["calls"]["low"] == 1 and parts["duplicates"]["calls"]["low"] == 0
    assert 0 < estimate["cost_usd"]["low"] < estimate["cost_usd"]["high"]
    for end in ("low", "high"):
        assert estimate["cost_usd"][end] == pytest.approx(sum(part["cost_usd"][end] for part in estimate["parts"]))


async def test_an_unknown_price_stays_unknown_in_the_estimate(shell, tmp_path):
    request = example_request("eval_dataset", tmp_path, worker_model={"name": "our-own-7b"})
    estimate = (await preview_request(request))["estimate"]
    assert estimate["cost_usd"] is None
    assert [part["cost_usd"] is None for part in estimate["parts"] if part["part"] in ("planning", "batches")] == [
        False,
        True,
    ]
    assert "unknown" in shell("check", str(EXAMPLE), "--set", "model.name=our-own-7b").stdout


async def test_a_budget_is_compared_with_both_ends_of_the_estimate(tmp_path):
    for tokens, message in ((1000, "too little"), (20_000, "for the low end"), (10**6, "for the high end")):
        assert message in (await preview_request(oq_request(tmp_path, budget={"tokens": tokens})))["budget"]["verdict"]
    assert (await preview_request(oq_request(tmp_path)))["budget"] is None


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_check_output_fits_the_terminal(shell, name, width):
    shell.env["COLUMNS"] = str(width)
    output = shell("check", f"examples/{name}.yaml")
    assert output.returncode == 0 and max(map(len, output.stdout.splitlines())) <= width
    assert (
        "together" in output.stdout and "low: " in output.stdout and "reused from the store: nothing" in output.stdout
    )


def test_check_of_a_hundred_thousand_items_samples_them_in_little_memory(shell, tmp_path):
    file = tmp_path / "big.yaml"
    file.write_text(BIG)
    shell.env["PYTHONPATH"] = str(ROOT)
    (tmp_path / "runs" / ".answers").mkdir(parents=True)
    ended = shell(str(file), script="tests/support/programs/check_with_peak.py")
    assert ended.returncode == 0, ended.stderr
    plan = json.loads(ended.stdout)
    assert (plan["target"], plan["batch_count"], len(plan["batches"])) == (100_000, 20_000, 1000)
    assert 0 < plan["reuse"]["looked_at"] <= 1000 and plan["estimate"]["calls"]["low"] == 20_000
    assert int(ended.stderr.split()[-1]) < 400, "megabytes"


def test_check_still_answers_when_the_store_cannot_be_read(shell):
    shell.env |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "x"}
    shell.env |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    output = shell("check", str(EXAMPLE), "--set", "output.store=s3://nowhere/x")
    assert output.returncode == 2 and "reused from the store: not known" in output.stdout, output.stderr
    assert "together" in output.stdout and "error: output.store: s3://nowhere/x cannot be written" in output.stderr

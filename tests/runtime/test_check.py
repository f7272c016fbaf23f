"""What `check` tells, held against what a run then does."""

import json
from typing import Any

import pytest

from quire.request import Request
from runtime.preview.preview import expectation
from runtime.request import request_file
from simulator.options import Options
from simulator.server import SimulatorServer
from tests.conftest import ROOT, example, made, oq
from tests.runtime.conftest import EXAMPLE

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
PEAK = """
import sys
from benchmarks.peak import peak_mb
sys.argv = ["starter.py", "check", sys.argv[1], "--json"]
from starter import main
code = main()
print(int(peak_mb()), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def recording(monkeypatch):
    with SimulatorServer(Options(record=True)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        yield server


async def told(request: Request, **options: Any) -> dict[str, Any]:
    """What `check` tells of a request."""
    return await expectation(request_file.checked(request.model_dump(mode="json")), **options)


def whole(request: Request) -> Request:
    """With answers that come in one piece: a busy machine may cut one that is streamed, and such a one is not found."""
    models = {name: getattr(request, name) for name in ("model", "worker_model")}
    changed = {name: model.model_copy(update={"stream": False}) for name, model in models.items() if model}
    return request.model_copy(update=changed)


def within(ends: dict[str, float], value: float) -> bool:
    return ends["low"] <= value <= ends["high"]


def test_check_shows_the_plan_and_calls_no_model(shell):
    with SimulatorServer(Options()) as model:
        shell.env["OPENAI_BASE_URL"] = model.base_url
        plan = json.loads(shell("check", str(EXAMPLE), "--prompt", "--json").stdout)
        shown = shell("check", str(EXAMPLE), "--prompt")
        assert model.stats()["calls"] == 0
    assert [batch["size"] for batch in plan["batches"]] == [9, 8, 8] and plan["batch_count"] == 3
    assert plan["expected"] == {"requirements": 30} and plan["endpoint"] == model.base_url
    assert plan["prompts"][0]["body"]["messages"][0]["content"] in shown.stdout
    assert '"response_format"' in shown.stdout and "[URS-001]" in shown.stdout
    assert not shell.home.exists()


@pytest.mark.parametrize("name", NAMES)
async def test_the_prompt_that_is_shown_is_the_one_that_the_first_call_sends(client, recording, tmp_path, name):
    id = f"prompt-{name}"
    request = example(name, tmp_path, batching={"concurrency": 1})
    shown = await told(request, name=id, prompt=True)
    assert recording.stats()["calls"] == 0 and not list(tmp_path.iterdir())
    await made(client, request, id)
    bodies = [{key: body[key] for key in body if not key.startswith("stream")} for body in recording.simulator.bodies]
    assert shown["prompts"][0]["body"] in bodies
    if not shown["prompts"][-1].get("note"):
        assert shown["prompts"][-1]["body"] == bodies[0]


@pytest.mark.parametrize("name", NAMES)
async def test_a_run_takes_what_check_said_and_is_found_by_the_next_check(client, simulator, tmp_path, name):
    request = whole(example(name, tmp_path, seed=7))
    before = await told(request)
    assert before["reuse"]["batches"] == 0
    result = await made(client, request, f"paid-{name}")
    estimate, usage = before["estimate"], result.usage
    assert result.verdict == "complete" and within(estimate["calls"], usage.calls)
    assert within(estimate["prompt_tokens"], usage.prompt_tokens), (estimate, usage)
    assert usage.completion_tokens <= estimate["completion_tokens"]["high"]  # a model writes more than the simulator
    own = await told(request, name=f"paid-{name}")
    assert own["reuse"]["batches"] == result.batches.planned and own["reuse"]["items"] >= result.items
    assert {part["part"] for part in own["estimate"]["parts"]} <= {"planning", "judging"}
    after = await told(request)
    if name == "eval_dataset":  # only a run of the same id finds what the planning model said
        assert "planning model" in after["reuse"]["why"]
        return
    assert after["reuse"]["batches"] == result.batches.planned and after["reuse"]["runs"] == [f"paid-{name}"]
    assert after["estimate"]["calls"] == {"low": 0, "high": 0}
    again = await made(client, request, f"again-{name}")
    assert again.usage.calls == 0 and again.reused == result.batches.planned


async def test_only_what_is_the_same_is_found(client, simulator, tmp_path):
    await made(client, oq(tmp_path), "first")
    assert (await told(oq(tmp_path)))["reuse"]["batches"] == 3
    assert (await told(oq(tmp_path, model={"name": "gpt-4o"})))["reuse"]["batches"] == 0
    fresh = await told(oq(tmp_path, reuse=False))
    assert fresh["reuse"]["batches"] == 0 and "reuse: false" in fresh["reuse"]["why"]
    (tmp_path / "first" / "responses").rename(tmp_path / "away")
    assert (await told(oq(tmp_path)))["reuse"]["batches"] == 0


async def test_a_series_that_is_drawn_by_the_run_s_id_says_so(tmp_path):
    request = example("drill_series", tmp_path, seed=None)
    shown = await told(request)
    assert "--id" in shown["reuse"]["why"]
    one, two = [(await told(request, name=name, prompt=True))["prompts"] for name in ("one", "two")]
    assert one != two


async def test_planning_judging_twins_vectors_and_racing_calls_are_counted(tmp_path):
    request = example(
        "eval_dataset",
        tmp_path,
        duplicates={"method": "semantic", "embedding": {"name": "gpt-4o-mini"}},
        batching={"hedge": {"after": 3}},
    )
    estimate = (await told(request))["estimate"]
    parts = {part["part"]: part for part in estimate["parts"]}
    assert list(parts) == ["planning", "batches", "made again", "duplicates", "racing calls", "judging", "vectors"]
    assert parts["planning"]["calls"] == {"low": 3, "high": 3} and parts["judging"]["model"] == "gpt-4o"
    assert parts["vectors"]["calls"]["low"] == 1 and parts["duplicates"]["calls"]["low"] == 0
    assert 0 < estimate["cost_usd"]["low"] < estimate["cost_usd"]["high"]
    for end in ("low", "high"):
        assert estimate["cost_usd"][end] == pytest.approx(sum(part["cost_usd"][end] for part in estimate["parts"]))


async def test_a_price_that_is_not_known_stays_unknown(shell, tmp_path):
    request = example("eval_dataset", tmp_path, worker_model={"name": "our-own-7b"})
    estimate = (await told(request))["estimate"]
    assert estimate["cost_usd"] is None
    assert [part["cost_usd"] is None for part in estimate["parts"] if part["part"] in ("planning", "batches")] == [
        False,
        True,
    ]
    assert "unknown" in shell("check", str(EXAMPLE), "--set", "model.name=our-own-7b").stdout


async def test_a_budget_is_held_against_both_ends(tmp_path):
    for tokens, said in ((1000, "too little"), (20_000, "for the low end"), (10**6, "for the high end")):
        assert said in (await told(oq(tmp_path, budget={"tokens": tokens})))["budget"]["verdict"]
    assert (await told(oq(tmp_path)))["budget"] is None


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("name", NAMES)
def test_it_fits_the_terminal(shell, name, width):
    shell.env["COLUMNS"] = str(width)
    shown = shell("check", f"examples/{name}.yaml")
    assert shown.returncode == 0 and max(map(len, shown.stdout.splitlines())) <= width
    assert "together" in shown.stdout and "low: " in shown.stdout and "reused from the store: nothing" in shown.stdout


def test_a_hundred_thousand_items_are_looked_at_in_part_and_in_little_room(shell, tmp_path):
    file = tmp_path / "big.yaml"
    file.write_text(BIG)
    (tmp_path / "peak.py").write_text(PEAK)
    shell.env["PYTHONPATH"] = str(ROOT)
    (tmp_path / "runs" / ".answers").mkdir(parents=True)
    ended = shell(str(file), script=str(tmp_path / "peak.py"))
    assert ended.returncode == 0, ended.stderr
    plan = json.loads(ended.stdout)
    assert (plan["target"], plan["batch_count"], len(plan["batches"])) == (100_000, 20_000, 1000)
    assert 0 < plan["reuse"]["looked_at"] <= 1000 and plan["estimate"]["calls"]["low"] == 20_000
    assert int(ended.stderr.split()[-1]) < 400, "megabytes"


def test_a_store_that_cannot_be_read_is_no_reason_to_tell_nothing(shell):
    shell.env |= {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_ALLOW_HTTP": "true", "AWS_REGION": "x"}
    shell.env |= {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    shown = shell("check", str(EXAMPLE), "--set", "output.store=s3://nowhere/x")
    assert shown.returncode == 0 and "reused from the store: not known" in shown.stdout, shown.stderr
    assert "together" in shown.stdout

"""The recipe `roadmap`: batches of weeks, the sliding window, conversation, templates, the call from Python."""

import json
import re

import pytest

from recipes.roadmap.week_templates import fill_week_template
from runtime.errors import SetupError
from simulator.options import Options
from tests.support.requests import example_request, lay_out_plan
from tests.support.runs import get_prompts, read_items, run_to_end


def make_plan(**changes):
    inputs = {"target_role": "Full Stack Developer", **changes.pop("inputs", {})}
    return lay_out_plan({"recipe": "roadmap", "inputs": inputs, **changes})


ONE_PHASE = [{"name": "All", "weeks": 12}]


def test_12_weeks_of_one_phase_are_4_calls_of_3():
    plan = make_plan(inputs={"phases": ONE_PHASE})
    assert plan.sizes == [3, 3, 3, 3] and plan.after == [0, 1, 2, 3]


def test_demanding_roles_get_two_weeks_per_call():
    assert make_plan(inputs={"target_role": "AI Engineer", "phases": ONE_PHASE}).sizes == [2] * 6
    assert (
        make_plan(inputs={"target_role": "Baker", "demanding_roles": ["baker"], "phases": ONE_PHASE}).sizes == [2] * 6
    )
    assert make_plan(inputs={"phases": ONE_PHASE}, batching={"size": 4}).sizes == [4, 4, 4]


def test_each_roadmap_call_stays_within_the_models_output_limit():
    plan = make_plan(inputs={"phases": ONE_PHASE})
    assert plan.request.model.max_output_tokens == 8192
    assert max(plan.sizes) * plan.request.batching.tokens_per_item <= 8192
    assert make_plan(inputs={"phases": ONE_PHASE}, model={"max_output_tokens": 3600}).sizes == [2] * 6


def test_each_phase_is_its_own_lane():
    plan = make_plan()
    assert [group.target for group in plan.groups] == [3, 3, 3, 3] and plan.after == [0, 0, 0, 0]
    long = make_plan(inputs={"duration_weeks": 24})
    assert long.sizes == [3] * 8 and long.after == [0, 1, 0, 3, 0, 5, 0, 7]


@pytest.mark.parametrize("weeks", [1, 2, 3, 5, 12, 52])
def test_the_plan_has_every_week_once_and_difficulty_never_falls(weeks):
    slots = make_plan(inputs={"duration_weeks": weeks}).slots
    assert [slot.data["week"] for slot in slots] == list(range(1, weeks + 1))
    levels = [slot.data["difficulty"] for slot in slots]
    assert levels == sorted(levels) and levels[0] >= 1 and levels[-1] <= 10


async def test_the_roadmap_is_complete_with_seven_days_a_week(client, simulator, tmp_path):
    result = await run_to_end(client, example_request("roadmap", tmp_path), "roadmap-complete")
    assert (result.verdict, result.warnings) == ("complete", [])
    weeks = read_items(tmp_path, "roadmap-complete")
    assert [week["week"] for week in weeks] == list(range(1, 13))
    assert all([day["day"] for day in week["days"]] == list(range(1, 8)) for week in weeks)
    assert all(day["tasks"] for week in weeks for day in week["days"])
    assert result.models["gpt-4o"].completion_tokens > 0, "token usage is tracked"


async def test_each_prompt_carries_the_last_two_days_of_the_week_before(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    inputs = {"target_role": "Full Stack Developer", "phases": ONE_PHASE}
    await run_to_end(client, example_request("roadmap", tmp_path, inputs=inputs), "roadmap-window")
    weeks = read_items(tmp_path, "roadmap-window")
    prompts = get_prompts(simulator)
    assert "What came just before" not in prompts[0] and len(prompts) == 4
    for prompt, before in zip(prompts[1:], (3, 6, 9), strict=True):
        last = weeks[before - 1]
        assert f"Day 6: {last['days'][5]['title']}" in prompt and f"Day 7: {last['days'][6]['title']}" in prompt
        assert last["days"][4]["title"] not in prompt and weeks[before - 2]["title"] not in prompt
    sizes = [len(prompt) for prompt in prompts[1:]]
    assert max(sizes) < 1.5 * min(sizes), "the window does not grow"


async def test_conversation_context_sends_the_earlier_messages_instead(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    inputs = {"target_role": "Full Stack Developer", "phases": ONE_PHASE}
    request = example_request("roadmap", tmp_path, inputs=inputs, batching={"context": "conversation"})
    result = await run_to_end(client, request, "roadmap-talk")
    assert result.verdict == "complete"
    turns = [[message["role"] for message in body["messages"]] for body in simulator.simulator.bodies]
    assert turns == [["system", *["user", "assistant"] * earlier, "user"] for earlier in range(4)]
    last = simulator.simulator.bodies[-1]["messages"]
    weeks = read_items(tmp_path, "roadmap-talk")
    assert json.loads(last[2]["content"])["items"][0]["title"] == weeks[0]["title"]
    assert "What came just before" not in last[-1]["content"]


async def test_phases_run_concurrently_and_weeks_of_one_phase_do_not(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.2)
    await run_to_end(client, example_request("roadmap", tmp_path), "roadmap-phases")
    assert simulator.stats()["max_in_flight"] == 4
    simulator.simulator.stats.max_in_flight = 0
    inputs = {"target_role": "Full Stack Developer", "phases": ONE_PHASE}
    await run_to_end(client, example_request("roadmap", tmp_path, inputs=inputs), "roadmap-one-phase")
    assert simulator.stats()["max_in_flight"] == 1


async def test_a_batch_without_attempts_left_comes_from_templates_and_its_lane_continues(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison=r"slot [456]: ", record=True)
    inputs = {"target_role": "Full Stack Developer", "phases": ONE_PHASE}
    result = await run_to_end(client, example_request("roadmap", tmp_path, inputs=inputs), "roadmap-fallback")
    assert (result.verdict, result.items, result.fallbacks) == ("complete", 12, 3)
    assert "3 weeks come from templates, not from the model" in result.warnings
    weeks = read_items(tmp_path, "roadmap-fallback")
    assert [w["week"] for w in weeks if w["provenance"]["source"] == "fallback"] == [4, 5, 6]
    assert "Full Stack Developer" in json.dumps(weeks[3])
    after = next(prompt for prompt in get_prompts(simulator) if "slot 7: " in prompt)
    assert "from a template: no model wrote it" in after and weeks[5]["days"][6]["title"] in after


async def test_without_fallback_missing_weeks_are_listed_as_a_warning(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison=r"slot [456]: ")
    result = await run_to_end(client, example_request("roadmap", tmp_path, on_failure="skip"), "roadmap-skip")
    assert (result.verdict, result.items) == ("partial", 9)
    assert any("weeks missing: [4, 5, 6]" in warning for warning in result.warnings)


def test_verification_lists_missing_weeks_falling_difficulty_and_repeated_tasks():
    recipe = make_plan(inputs={"duration_weeks": 4}).recipe
    outlines = [
        {"id": f"week-0{n}", "week": n, "phase": "x", "difficulty": level, "tasks": tasks}
        for n, level, tasks in ((1, 3, [1]), (2, 2, [2]), (3, 4, [1]))
    ]
    problems = recipe.problems(outlines)
    assert (
        "weeks missing: [4]" in problems[0]
        and "week-02 (3 to 2)" in problems[1]
        and "week-03 as in week-01" in problems[2]
    )


def test_week_templates_fit_role_and_week_and_share_no_task():
    recipe = make_plan(inputs={"duration_weeks": 52}).recipe
    tasks = [
        task
        for week in range(1, 53)
        for day in fill_week_template(week, "Baker", "Bread", week, 3)["days"]
        for task in day["tasks"]
    ]
    assert len(set(tasks)) == len(tasks)
    slot = make_plan(inputs={"duration_weeks": 52}).slots[7]
    assert recipe.faults(fill_week_template(8, "Baker", "Bread", 8, slot.data["difficulty"]), slot) == []


async def test_the_size_of_later_batches_follows_the_tokens_really_used(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    inputs = {"target_role": "Full Stack Developer", "phases": ONE_PHASE}
    model = {"name": "gpt-4o", "max_output_tokens": 1900}
    batching = {"tokens_per_item": 600}
    result = await run_to_end(
        client, example_request("roadmap", tmp_path, inputs=inputs, model=model, batching=batching), "roadmap-auto"
    )
    assert (result.verdict, result.fallbacks) == ("complete", 0)
    sizes = [len(re.findall(r"^slot \d+:", prompt, re.MULTILINE)) for prompt in get_prompts(simulator)]
    assert sizes[0] == 3 and set(sizes[2:]) <= {1, 2}, sizes


async def test_generate_returns_the_finished_roadmap_to_python(simulator, tmp_path, monkeypatch):
    from runtime.temporal import embedded_server
    from starter import generate
    from tests.support.ports import find_free_port

    for name in ("TEMPORAL_ADDRESS", "TEMPORAL_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("QUIRE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("QUIRE_PORT", str(find_free_port()))
    try:
        roadmap = await generate(
            {
                "recipe": "roadmap",
                "inputs": {"target_role": "Full Stack Developer", "duration_weeks": 12},
                "output": {"store": str(tmp_path / "runs")},
            }
        )
    finally:
        await embedded_server.stop_server(tmp_path / "home")
    assert [week["week"] for week in roadmap["weeks"]] == list(range(1, 13))
    assert roadmap["metadata"]["verdict"] == "complete" and len(roadmap["phases"]) == 4


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"phases": [{"name": "x", "weeks": 3}]}, "the phases' weeks add up to 3, but duration_weeks is 12"),
        ({"duration_weeks": 0}, "inputs.duration_weeks"),
        ({"level": "wizard"}, "inputs.level"),
    ],
)
def test_inconsistent_roadmap_inputs_are_reported(inputs, message):
    with pytest.raises(SetupError, match=message):
        make_plan(inputs=inputs)

"""The recipe `eval_dataset`: a constant context per call, diversity, two models, review, and the state summary."""

import json
from collections import Counter

import pytest

from quire.comparison_text import build_comparison_text
from quire.outcome import Usage
from quire.progress import Result
from quire.request import Request
from runtime.errors import SetupError
from runtime.session.status_text import calculate_savings, fetch_status
from runtime.session.status_text import format_status as told
from simulator.options import Options
from tests.support.requests import example_request, lay_out_plan
from tests.support.runs import read_items, run_to_end
from tests.support.workers import run_worker

CATEGORIES = [
    {"name": "order_status", "description": "where an order is", "count": 200, "example_inputs": "Where is #12345?"},
    {"name": "refunds", "description": "money back", "count": 200, "expectations": {"initiates_refund_flow": True}},
    {"name": "product_info", "description": "about a product", "count": 100},
]


def make_plan(**changes):
    inputs = {"categories": CATEGORIES, **changes.pop("inputs", {})}
    return lay_out_plan({"recipe": "eval_dataset", "inputs": inputs, **changes})


def test_500_cases_are_25_batches_of_20_in_no_lane():
    plan = make_plan()
    assert plan.sizes == [20] * 25 and plan.after == []
    assert [(group.name, group.target) for group in plan.groups] == [
        ("order_status", 200),
        ("refunds", 200),
        ("product_info", 100),
    ]
    assert [slot.key for slot in plan.slots[199:201]] == ["order_status/200", "refunds/1"]


def test_defaults_are_those_of_the_specification():
    request = make_plan().request
    assert (request.model.name, request.generator.name) == ("gpt-4o", "gpt-4o-mini")
    assert (request.batching.size, request.duplicates.method, request.duplicates.window) == (20, "structural", 20)
    alone = make_plan(model={"name": "llama3"}).request
    assert alone.generator.name == "llama3", "who names one model gets one"


@pytest.mark.parametrize(("most", "sizes"), [(100, [40, 40, 20]), (7, [3, 3, 1]), (1000, [200, 200, 100])])
def test_max_items_caps_all_categories_together(most, sizes):
    plan = make_plan(inputs={"max_items": most})
    assert [group.target for group in plan.groups] == sizes and sum(sizes) == min(most, 500)
    assert bool(plan.warnings) == (most < 500)


async def test_each_worker_call_has_a_fresh_context_of_constant_size(client, simulator, tmp_path):
    longest = {}
    for count in (20, 200):
        simulator.simulator.options = Options(record=True, seed=count)
        simulator.simulator.bodies.clear()
        categories = [CATEGORIES[0] | {"count": count}]
        request = example_request(
            "eval_dataset", tmp_path, inputs={"categories": categories, "judge": "off", "plan": False}
        )
        await run_to_end(client, request, f"eval-context-{count}")
        bodies = [body for body in simulator.simulator.bodies if "avoid" not in json.dumps(body)]
        assert all(len(body["messages"]) == 2 for body in bodies)
        longest[count] = max(len(json.dumps(body["messages"])) for body in bodies[: count // 20])
    assert longest[200] < 1.1 * longest[20]


async def test_one_model_plans_and_judges_and_the_other_generates(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    result = await run_to_end(client, example_request("eval_dataset", tmp_path), "eval-models")
    calls = Counter(body["model"] for body in simulator.simulator.bodies)
    assert calls["gpt-4o"] == 3 + 1, "a plan for each category, and the first of five batches judged"
    assert calls["gpt-4o-mini"] == 5 and {name: used.calls for name, used in result.models.items()} == dict(calls)
    prompt = next(
        body["messages"][1]["content"] for body in simulator.simulator.bodies if "refunds, case 1" in str(body)
    )
    planned = json.loads((tmp_path / "eval-models" / "prepared" / "2-refunds.json").read_text())
    assert len(planned) == 40 and planned[0]["scenario"] in prompt


async def test_cases_have_the_shape_that_mlflow_evaluates(client, simulator, tmp_path):
    await run_to_end(client, example_request("eval_dataset", tmp_path), "eval-mlflow")
    cases = read_items(tmp_path, "eval-mlflow")
    assert cases[0]["expectations"]["contains_order_id"] is True and set(cases[0]["inputs"]) == {"query"}
    assert set(cases[-1]["inputs"]) == {"query", "locale"} and cases[-1]["category"] == "product_info"
    from mlflow.genai.evaluation.utils import _convert_eval_set_to_df

    assert _convert_eval_set_to_df(cases).shape[0] == 100


async def test_eval_batches_run_concurrently(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.2)
    await run_to_end(client, example_request("eval_dataset", tmp_path), "eval-parallel")
    assert simulator.stats()["max_in_flight"] >= 5


async def test_duplicates_are_rejected_and_regenerated_and_counted_by_category(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.3)
    result = await run_to_end(
        client,
        example_request("eval_dataset", tmp_path, duplicates={"method": "structural", "window": 20, "rounds": 9}),
        "eval-duplicates",
    )
    assert (result.verdict, result.items) == ("complete", 100)
    assert result.duplicates_rejected > 0
    assert sum(group.duplicates_rejected for group in result.groups) == result.duplicates_rejected
    keys = [build_comparison_text("structural", case, ["inputs"]) for case in read_items(tmp_path, "eval-duplicates")]
    for index, key in enumerate(keys):
        assert key not in keys[max(0, index - 20) : index], "no duplicate within the window"


async def test_a_rejected_case_is_shown_as_one_to_avoid(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.3, record=True)
    await run_to_end(client, example_request("eval_dataset", tmp_path), "eval-avoid")
    retried = [str(body["messages"]) for body in simulator.simulator.bodies if "Make something else than" in str(body)]
    assert retried and all("query" in prompt for prompt in retried)


async def test_a_model_that_only_repeats_itself_ends_partial_with_a_reason_for_each(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=1.0)
    request = example_request("eval_dataset", tmp_path, duplicates={"method": "exact", "window": "all", "rounds": 2})
    result = await run_to_end(client, request, "eval-ten")
    assert result.verdict == "partial" and result.items <= 20 and result.failed_total == 100 - result.items
    assert all(slot.reason.startswith("duplicate: of ") for slot in result.failed_slots)


async def test_duplicate_detection_can_be_tuned_or_switched_off(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.5)
    request = example_request("eval_dataset", tmp_path, duplicates={"method": "off"})
    result = await run_to_end(client, request, "eval-off")
    assert (result.verdict, result.duplicates_rejected) == ("complete", 0)


async def test_a_case_that_the_judging_model_rejects_is_retried_with_its_reason(client, simulator, tmp_path):
    simulator.simulator.options = Options(strictness=0.3, record=True)
    request = example_request("eval_dataset", tmp_path)
    request = Request.model_validate(
        request.model_dump(mode="json") | {"inputs": request.inputs | {"judge": "all"}, "retry": {"attempts": 8}}
    )
    result = await run_to_end(client, request, "eval-judged")
    assert (result.verdict, result.items) == ("complete", 100)
    assert any("Mend this" in str(body["messages"]) and "judged: " in str(body) for body in simulator.simulator.bodies)


def test_savings_of_two_models_are_shown_and_unknown_prices_are_not_guessed():
    used = {"gpt-4o": Usage(calls=5, prompt_tokens=10_000, completion_tokens=2_000),
            "gpt-4o-mini": Usage(calls=50, prompt_tokens=100_000, completion_tokens=100_000)}  # fmt: skip
    saved = calculate_savings(make_plan().request, used)
    assert saved and saved["percent"] > 75 and saved["against"] == "gpt-4o"
    assert calculate_savings(make_plan().request, {"nobody-knows": Usage(calls=1, prompt_tokens=5)}) is None
    assert calculate_savings(make_plan(model={"name": "gpt-4o"}).request, used) is None


async def test_the_state_summary_shows_percentage_categories_rejections_models_and_cost(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.2)
    request = example_request("eval_dataset", tmp_path)
    async with run_worker(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id="eval-status", task_queue="quire", result_type=Result
        )
        await handle.result()
        summary = await fetch_status(client, handle, request)
    assert summary["percent"] == 100 and set(summary["models"]) == {"gpt-4o", "gpt-4o-mini"}
    text = "\n".join(told(summary))
    for part in ("100/100 cases (100 %)", "Category refunds: 40/40", "rejected", "gpt-4o-mini: ", "two models saved"):
        assert part in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"categories": []}, "inputs.categories: "),
        ({"categories": [CATEGORIES[0], CATEGORIES[0]]}, "two categories are called 'order_status'"),
        ({"categories": [CATEGORIES[0] | {"count": 0}]}, "inputs.categories.0.count"),
        ({"categories": [CATEGORIES[0] | {"cuont": 1}]}, "inputs.categories.0.cuont: unknown field"),
    ],
)
def test_invalid_categories_are_reported(change, message):
    with pytest.raises(SetupError, match=message):
        make_plan(inputs=change)


def test_a_target_in_addition_to_category_counts_is_refused():
    with pytest.raises(SetupError, match="the categories' counts add up to 500"):
        make_plan(target=10)

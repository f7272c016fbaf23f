"""Seed 003, walked down: workers with a constant context, resume, diversity, two models, monitoring, best practices."""

import json
from collections import Counter

import pytest

from quire.comparison_text import text_of
from quire.outcome import Usage
from quire.progress import Result
from quire.request import Request
from runtime.errors import SetupError
from runtime.session.status_text import lines as told
from runtime.session.status_text import savings, summary_of
from runtime.worker.host import hosted
from simulator.options import Options
from tests.conftest import example, lay_out, lines, made

CATEGORIES = [
    {"name": "order_status", "description": "where an order is", "count": 200, "example_inputs": "Where is #12345?"},
    {"name": "refunds", "description": "money back", "count": 200, "expectations": {"initiates_refund_flow": True}},
    {"name": "product_info", "description": "about a product", "count": 100},
]


def plan(**said):
    inputs = {"categories": CATEGORIES, **said.pop("inputs", {})}
    return lay_out({"recipe": "eval_dataset", "inputs": inputs, **said})


def test_500_cases_are_25_batches_of_20_categories_side_by_side():
    laid = plan()
    assert laid.sizes == [20] * 25 and laid.after == []
    assert [(group.name, group.target) for group in laid.groups] == [
        ("order_status", 200),
        ("refunds", 200),
        ("product_info", 100),
    ]
    assert [slot.key for slot in laid.slots[199:201]] == ["order_status/200", "refunds/1"]


def test_the_defaults_are_the_documents():
    request = plan().request
    assert (request.model.name, request.generator.name) == ("gpt-4o", "gpt-4o-mini")
    assert (request.batching.size, request.duplicates.method, request.duplicates.window) == (20, "structural", 20)
    alone = plan(model={"name": "llama3"}).request
    assert alone.generator.name == "llama3", "who names one model gets one"


@pytest.mark.parametrize(("most", "sizes"), [(100, [40, 40, 20]), (7, [3, 3, 1]), (1000, [200, 200, 100])])
def test_max_items_caps_the_whole(most, sizes):
    laid = plan(inputs={"max_items": most})
    assert [group.target for group in laid.groups] == sizes and sum(sizes) == min(most, 500)
    assert bool(laid.warnings) == (most < 500)


async def test_each_worker_call_has_a_fresh_context_of_constant_size(client, simulator, tmp_path):
    longest = {}
    for count in (20, 200):
        simulator.simulator.options = Options(record=True, seed=count)
        simulator.simulator.bodies.clear()
        categories = [CATEGORIES[0] | {"count": count}]
        request = example("eval_dataset", tmp_path, inputs={"categories": categories, "judge": "off", "plan": False})
        await made(client, request, f"eval-context-{count}")
        bodies = [body for body in simulator.simulator.bodies if "avoid" not in json.dumps(body)]
        assert all(len(body["messages"]) == 2 for body in bodies)
        longest[count] = max(len(json.dumps(body["messages"])) for body in bodies[: count // 20])
    assert longest[200] < 1.1 * longest[20]


async def test_one_model_plans_and_judges_and_the_other_generates(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    result = await made(client, example("eval_dataset", tmp_path), "eval-models")
    calls = Counter(body["model"] for body in simulator.simulator.bodies)
    assert calls["gpt-4o"] == 3 + 1, "a plan for each category, and the first of five batches judged"
    assert calls["gpt-4o-mini"] == 5 and {name: used.calls for name, used in result.models.items()} == dict(calls)
    prompt = next(
        body["messages"][1]["content"] for body in simulator.simulator.bodies if "refunds, case 1" in str(body)
    )
    planned = json.loads((tmp_path / "eval-models" / "prepared" / "2-refunds.json").read_text())
    assert len(planned) == 40 and planned[0]["scenario"] in prompt


async def test_cases_are_what_mlflow_evaluates(client, simulator, tmp_path):
    await made(client, example("eval_dataset", tmp_path), "eval-mlflow")
    cases = lines(tmp_path, "eval-mlflow")
    assert cases[0]["expectations"]["contains_order_id"] is True and set(cases[0]["inputs"]) == {"query"}
    assert set(cases[-1]["inputs"]) == {"query", "locale"} and cases[-1]["category"] == "product_info"
    from mlflow.genai.evaluation.utils import _convert_eval_set_to_df

    assert _convert_eval_set_to_df(cases).shape[0] == 100


async def test_batches_run_in_parallel(client, simulator, tmp_path):
    simulator.simulator.options = Options(latency=0.2)
    await made(client, example("eval_dataset", tmp_path), "eval-parallel")
    assert simulator.stats()["max_in_flight"] >= 5


async def test_duplicates_are_rejected_and_regenerated_and_counted_by_category(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.3)
    result = await made(
        client,
        example("eval_dataset", tmp_path, duplicates={"method": "structural", "window": 20, "rounds": 9}),
        "eval-twins",
    )
    assert (result.verdict, result.items) == ("complete", 100)
    assert result.duplicates_rejected > 0
    assert sum(group.duplicates_rejected for group in result.groups) == result.duplicates_rejected
    keys = [text_of("structural", case, ["inputs"]) for case in lines(tmp_path, "eval-twins")]
    for index, key in enumerate(keys):
        assert key not in keys[max(0, index - 20) : index], "no twin within the window"


async def test_a_rejected_case_is_shown_as_one_to_avoid(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.3, record=True)
    await made(client, example("eval_dataset", tmp_path), "eval-avoid")
    again = [str(body["messages"]) for body in simulator.simulator.bodies if "Make something else than" in str(body)]
    assert again and all("query" in prompt for prompt in again)


async def test_a_model_that_only_repeats_itself_ends_partial_with_a_reason_for_each(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=1.0)
    request = example("eval_dataset", tmp_path, duplicates={"method": "exact", "window": "all", "rounds": 2})
    result = await made(client, request, "eval-ten")
    assert result.verdict == "partial" and result.items <= 20 and result.failed_total == 100 - result.items
    assert all(slot.reason.startswith("duplicate: of ") for slot in result.failed_slots)


async def test_diversity_can_be_tuned_or_switched_off(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.5)
    request = example("eval_dataset", tmp_path, duplicates={"method": "off"})
    result = await made(client, request, "eval-off")
    assert (result.verdict, result.duplicates_rejected) == ("complete", 0)


async def test_a_case_that_the_judge_refuses_is_made_again_with_its_words(client, simulator, tmp_path):
    simulator.simulator.options = Options(strictness=0.3, record=True)
    request = example("eval_dataset", tmp_path)
    request = Request.model_validate(
        request.model_dump(mode="json") | {"inputs": request.inputs | {"judge": "all"}, "retry": {"attempts": 8}}
    )
    result = await made(client, request, "eval-judged")
    assert (result.verdict, result.items) == ("complete", 100)
    assert any("Mend this" in str(body["messages"]) and "judged: " in str(body) for body in simulator.simulator.bodies)


def test_what_two_models_save_is_told_and_unknown_prices_are_not_guessed():
    used = {"gpt-4o": Usage(calls=5, prompt_tokens=10_000, completion_tokens=2_000),
            "gpt-4o-mini": Usage(calls=50, prompt_tokens=100_000, completion_tokens=100_000)}  # fmt: skip
    saved = savings(plan().request, used)
    assert saved and saved["percent"] > 75 and saved["against"] == "gpt-4o"
    assert savings(plan().request, {"nobody-knows": Usage(calls=1, prompt_tokens=5)}) is None
    assert savings(plan(model={"name": "gpt-4o"}).request, used) is None


async def test_the_state_summary_shows_percentage_categories_rejections_models_and_cost(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.2)
    request = example("eval_dataset", tmp_path)
    async with hosted(client):
        handle = await client.start_workflow(
            "GenerateArtifact", request, id="eval-status", task_queue="quire", result_type=Result
        )
        await handle.result()
        shown = await summary_of(client, handle, request)
    assert shown["percent"] == 100 and set(shown["models"]) == {"gpt-4o", "gpt-4o-mini"}
    text = "\n".join(told(shown))
    for part in ("100/100 cases (100 %)", "Category refunds: 40/40", "rejected", "gpt-4o-mini: ", "two models saved"):
        assert part in text


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"categories": []}, "inputs.categories: "),
        ({"categories": [CATEGORIES[0], CATEGORIES[0]]}, "two categories are called 'order_status'"),
        ({"categories": [CATEGORIES[0] | {"count": 0}]}, "inputs.categories.0.count"),
        ({"categories": [CATEGORIES[0] | {"cuont": 1}]}, "inputs.categories.0.cuont: unknown field"),
    ],
)
def test_wrong_categories_are_told(change, said):
    with pytest.raises(SetupError, match=said):
        plan(inputs=change)


def test_a_target_beside_the_counts_is_refused():
    with pytest.raises(SetupError, match="the categories' counts make 500"):
        plan(target=10)

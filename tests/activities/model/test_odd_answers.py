"""Whatever an endpoint puts into an answer can be counted and stored, or makes one item invalid, never a crash."""

import json

import pytest

from activities.model.http_call import _parse_completion
from activities.model.http_errors import UnusableAnswer
from activities.model.item_check import check_items
from activities.store.answers import Answer, parse_usage
from activities.store.batch_files import encode_batch_file
from tests.support.assembled_artifact import custom_request
from tests.support.requests import lay_out_plan

ODD_COUNTS = [-5, "many", None, float("nan"), float("inf"), [], {}, 10**30, True, 2.0, "7"]


def build_completion(**changes: object) -> bytes:
    completion = {"choices": [{"message": {"content": "{}"}, "finish_reason": "stop"}], "model": "m"}
    return json.dumps(completion | changes).encode()


@pytest.mark.parametrize("count", ODD_COUNTS)
def test_odd_usage_numbers_become_counts(count):
    odd = {"prompt_tokens": count, "completion_tokens": count, "prompt_tokens_details": {"cached_tokens": count}}
    for usage in (odd, odd | {"prompt_tokens_details": count}, count):
        counts = parse_usage(usage)
        assert all(type(value) is int and 0 <= value <= 10**8 for value in counts.values())
        assert counts["cached_tokens"] <= counts["prompt_tokens"]


def test_more_cached_than_prompt_tokens_are_cut_to_the_prompt():
    usage = parse_usage({"prompt_tokens": 10, "prompt_tokens_details": {"cached_tokens": 20}})
    assert usage["cached_tokens"] == usage["prompt_tokens"] == 10


@pytest.mark.parametrize("odd", [[], "x", 3, None, [3], [[]], [{}], [{"message": 3}], {"a": 1}])
def test_choices_of_any_shape_are_an_unusable_answer(odd):
    with pytest.raises(UnusableAnswer):
        _parse_completion(build_completion(choices=odd), {"model": "m"})


@pytest.mark.parametrize("content", [3, None, {"a": 1}, [], ["x"], [{"text": "{}"}], "\ud800"])
def test_content_of_any_shape_is_a_text_that_can_be_stored(content):
    data = build_completion(choices=[{"message": {"content": content, "refusal": content}, "finish_reason": 7}])
    answer = _parse_completion(data, {"model": "m"})
    assert Answer.decode(answer.encode()) == answer


def check_value(value: str) -> dict[int, dict]:
    item = {"type": "object", "required": ["v"], "properties": {"v": {}}}
    plan = lay_out_plan(custom_request(item, ["a", "b"]))
    text = f'{{"items": [{{"slot": 1, "v": {value}}}, {{"slot": 2, "v": "good"}}]}}'
    checked = check_items(Answer(text, "stop", None, parse_usage({}), "m", False), list(plan.slots), plan.recipe)
    encode_batch_file([{"slot": n, "item": item} for n, item in checked.good.items()], None)
    return checked.good


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_joined():
    good = check_value(r'"a\ud83dz \ud83d\ude00"')
    assert good[1]["v"] == "a\ufffdz \U0001f600" and 2 in good


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "1e999", "1" + "0" * 40, "[" * 100 + "]" * 100])
def test_a_value_that_no_file_can_hold_makes_its_item_invalid_and_no_other(value):
    assert set(check_value(value)) == {2}


def test_a_thousand_brackets_are_no_crash():
    assert check_value("[" * 100_000 + "]" * 100_000) == {}

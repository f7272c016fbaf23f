"""The recipe `custom`: what it can do, and that every mistake in it is reported before any call."""

import copy
import json
from typing import Any

import pytest
from ruamel.yaml import YAML

from runtime.errors import SetupError
from runtime.paths import ROOT
from runtime.request.request_file import load_request
from simulator.options import Options
from tests.support.requests import example_request, lay_out_plan
from tests.support.runs import get_prompts, read_items, run_to_end

EXAMPLES = ROOT / "examples"


def custom_fields(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "recipe": "custom",
        "inputs": {
            "instructions": "Write riddles.",
            "prompt": "a riddle about {{ entry }}",
            "slots": {"list": ["a river", "the moon"]},
            "item": {
                "type": "object",
                "required": ["riddle", "price"],
                "properties": {"riddle": {"type": "string"}, "price": {"type": "integer"}},
            },
        },
    }
    fields["inputs"] |= changes
    return fields


def lay_out_slots(**changes: Any) -> list:
    return lay_out_plan(custom_fields(**changes)).slots


def test_slots_come_from_a_list_a_count_or_nested_groups():
    assert [slot.key for slot in lay_out_slots()] == ["001-a-river", "002-the-moon"]
    assert [slot.brief for slot in lay_out_slots()] == ["a riddle about a river", "a riddle about the moon"]
    counted = lay_out_slots(slots={"count": 3}, prompt="{{ index }} of {{ count }}, {{ number }} of {{ total }}")
    assert [slot.brief for slot in counted] == ["1 of 3, 1 of 3", "2 of 3, 2 of 3", "3 of 3, 3 of 3"]
    groups = [
        {"name": "easy", "count": 2, "data": {"age": 8}},
        {"name": "hard", "data": {"age": 14}, "groups": [{"name": "words", "list": ["x", "y"]}]},
    ]
    made_ = lay_out_plan(
        custom_fields(slots={"groups": groups}, prompt="{{ group.path | join('/') }} for {{ group.age }}")
    )
    assert [slot.key for slot in made_.slots] == ["easy/1", "easy/2", "hard/words/1", "hard/words/2"]
    assert made_.slots[3].brief == "hard/words for 14"
    assert [(group.name, group.target) for group in made_.groups] == [("easy", 2), ("hard/words", 2)]


def test_slots_come_from_rows_of_csv_or_json_lines(tmp_path):
    (tmp_path / "rows.csv").write_text('sku,name\nA-1,"Tent, small"\nA-2,Stove\n')
    (tmp_path / "rows.jsonl").write_text('{"sku": "A-1", "name": "Tent, small"}\n{"sku": "A-2", "name": "Stove"}\n')
    for file in ("rows.csv", "rows.jsonl"):
        fields = custom_fields(slots={"rows": file, "key": "sku"}, prompt="{{ row.name }}")
        plan = lay_out_plan(fields, tmp_path)
        assert [(slot.key, slot.brief) for slot in plan.slots] == [("A-1", "Tent, small"), ("A-2", "Stove")]
    twice = lay_out_plan(
        custom_fields(slots={"rows": "rows.csv", "key": "sku", "each": 2}, prompt="{{ row.name }} {{ index }}"),
        tmp_path,
    )
    assert [slot.key for slot in twice.slots] == ["A-1/1", "A-1/2", "A-2/1", "A-2/2"]
    assert len(lay_out_plan(custom_fields() | {"target": 1}).slots) == 1


def with_properties(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return changes that give items a schema with these properties."""
    return {"item": {"type": "object", "properties": properties, **more}}


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "wrong schema": (with_properties({"a": {"type": "strong"}}), "inputs.item.properties.a.type: not a JSON Schema"),
    "schema of no object": ({"item": {"type": "array"}}, "inputs.item: an item is an object"),
    "reserved field": (with_properties({"slot": {}}), "inputs.item.properties.slot: this name is Quire's own"),
    "ref to a file": (with_properties({"a": {"$ref": "other.json"}}), "leads outside this schema"),
    "ref to an address": (with_properties({"a": {"$ref": "https://x.example/s.json"}}), "leads outside this schema"),
    "ref to /etc/passwd": (with_properties({"a": {"$ref": "file:///etc/passwd"}}), "leads outside this schema"),
    "ref to nothing": (with_properties({"a": {"$ref": "#/$defs/b"}}), "leads to nothing"),
    "ref to itself": (with_properties({"a": {"$ref": "#"}}), "leads outside this schema"),
    "ref in a circle": (
        with_properties({"a": {"$ref": "#/$defs/a"}}, **{"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}),
        "refers to itself",
    ),
    "required that is not there": (with_properties({"a": {}}, required=["b"]), "inputs.item.required: 'b'"),
    "unknown variable": ({"prompt": "about {{ entri }}"}, "inputs.prompt: unknown variable 'entri'; known are: "),
    "unknown variable in instructions": (
        {"instructions": "{{ entry }}"},
        "inputs.instructions: unknown variable 'entry'",
    ),
    "unknown param": ({"instructions": "{{ params.tone }}"}, "inputs.instructions: `params.tone` is undefined"),
    "endless loop": (
        {"prompt": "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}"},
        "inputs.prompt: the template does not come to an end",
    ),
    "huge string": ({"prompt": "{{ 'x' * 1000000000 }}"}, "inputs.prompt: "),
    "broken template": ({"prompt": "{% if %}"}, "inputs.prompt: syntax error"),
    "Python's insides": ({"prompt": "{{ entry.__class__ }}"}, "inputs.prompt: "),
    "empty prompt": ({"prompt": "{# nothing #}"}, "inputs.prompt: the template is empty"),
    "check of an unknown field": (
        {"checks": [{"that": "item.prize > 1", "say": "x"}]},
        "inputs.checks.0.that: an item has no field 'prize'",
    ),
    "broken check": ({"checks": [{"that": "item.price >", "say": "x"}]}, "inputs.checks.0.that: syntax error"),
    "unique in an unknown field": ({"unique": ["name"]}, "inputs.unique: an item has no field 'name'"),
    "fallback of an unknown field": ({"fallback": {"x": "y"}}, "inputs.fallback: an item has no field 'x'"),
    "fallback of no item": ({"fallback": {"riddle": "y"}}, "inputs.fallback: the template does not make an item"),
    "two ways of slots": ({"slots": {"count": 1, "list": [1]}}, "inputs.slots: give exactly one of"),
    "no slots": ({"slots": {}}, "inputs.slots: give exactly one of"),
    "no such file": ({"slots": {"rows": "nowhere.csv"}}, "inputs.slots.rows: there is no file"),
    "missing column": (
        {"slots": {"rows": "custom/products.csv", "columns": ["weight"]}, "prompt": "{{ row.name }}"},
        "products.csv, row 1, has no column 'weight'; it has: sku, name",
    ),
    "missing column in the template": (
        {"slots": {"rows": "custom/products.csv"}, "prompt": "{{ row.weight }}"},
        "inputs.prompt: products.csv, row 1, has no column 'weight'",
    ),
    "ids twice": (
        {"slots": {"rows": "custom/products.csv", "key": "category"}, "prompt": "{{ row.name }}"},
        "inputs.slots.key: two items would have the id 'tents'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_invalid_custom_request_is_reported_with_its_field(name):
    changes, message = WRONG[name]
    with pytest.raises(SetupError) as raised:
        lay_out_plan(custom_fields(**changes))
    assert message in str(raised.value)


def test_an_invalid_template_is_reported_with_file_and_line(tmp_path):
    text = (
        (EXAMPLES / "custom_products.yaml")
        .read_text()
        .replace("custom/products.csv", str(EXAMPLES / "custom/products.csv"))
    )
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace("{{ row.price }} EUR; features", "{{ row.prise }} EUR; features"))
    number = next(n for n, row in enumerate(file.read_text().splitlines(), 1) if row.startswith("  prompt:"))
    with pytest.raises(SetupError, match=rf"mine\.yaml:{number}: inputs\.prompt: .*no column 'prise'"):
        load_request(file, allowed=[EXAMPLES])


def test_ragged_csv_is_reported_with_its_line(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(SetupError, match=r"rows\.csv:3: 3 values for 2 columns"):
        lay_out_plan(custom_fields(slots={"rows": "rows.csv"}, prompt="{{ row.a }}"), tmp_path)


def test_local_schema_references_are_inlined():
    item = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {"$ref": "#/$defs/word"}},
        "$defs": {"word": {"type": "string", "maxLength": 3}},
    }
    schema = lay_out_plan(custom_fields(item=item)).recipe.item_schema([])
    assert schema["properties"]["a"] == {"type": "string", "maxLength": 3} and "$defs" not in schema


async def test_a_failed_check_is_sent_back_to_the_model_in_its_words(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    fields = custom_fields(
        checks=[{"that": "item.price < 50", "say": "the price is below fifty"}], slots={"count": 8}, prompt="x"
    )
    prepared = lay_out_plan(fields | {"retry": {"attempts": 12}, "output": {"store": str(tmp_path)}}).request
    result = await run_to_end(client, prepared, "custom-checks")
    assert result.verdict == "complete"
    assert all(item["price"] < 50 for item in read_items(tmp_path, "custom-checks"))
    assert any("the price is below fifty" in prompt for prompt in get_prompts(simulator))


async def test_rows_that_the_model_cannot_fill_come_from_the_fallback(client, simulator, tmp_path):
    simulator.simulator.options = Options(poison="Ember stove")
    result = await run_to_end(client, example_request("custom_products", tmp_path), "custom-fallback")
    assert (result.verdict, result.fallbacks) == ("complete", 1)
    items = {item["id"]: item for item in read_items(tmp_path, "custom-fallback")}
    assert items["ST-301"]["headline"] == "Ember stove" and items["ST-301"]["provenance"]["source"] == "fallback"
    assert sum(item["provenance"]["source"] == "fallback" for item in items.values()) == 1


async def test_fields_declared_unique_are_unique(client, simulator, tmp_path):
    simulator.simulator.options = Options(duplicates=0.4)
    result = await run_to_end(client, example_request("custom_quiz", tmp_path), "custom-unique")
    questions = [item["question"] for item in read_items(tmp_path, "custom-unique")]
    assert len(set(questions)) == len(questions) and result.duplicates_rejected > 0


async def test_groups_can_be_lanes_whose_prompts_summarize_earlier_items(client, simulator, tmp_path):
    simulator.simulator.options = Options(record=True)
    quiz_request = example_request("custom_quiz", tmp_path, batching={"size": 2, "context": "summary"})
    await run_to_end(client, quiz_request, "custom-lanes")
    last = next(p for p in get_prompts(simulator) if "question 5 of 6 on changes of state" in p)
    earlier = [item for item in read_items(tmp_path, "custom-lanes") if item["id"].startswith("changes")][:4]
    assert all(item["question"][:80] in last for item in earlier) and "Already there, not to be repeated" in last


def test_the_new_recipe_template_is_a_complete_recipe(tmp_path):
    text = (ROOT / "runtime" / "request" / "new_recipe.yaml").read_text()
    fields = copy.deepcopy(YAML(typ="safe").load(text))
    assert len(lay_out_plan(json.loads(json.dumps(fields)), tmp_path).slots) == 10

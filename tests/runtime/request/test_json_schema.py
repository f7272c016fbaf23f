"""The JSON Schema that editors use: the examples are valid by it, common mistakes are not."""

import json
from typing import Any

import jsonschema_rs
import pytest
from ruamel.yaml import YAML

from quire.request import Request
from recipes.registry import known_recipes
from runtime.paths import ROOT
from runtime.request.editor_modeline import SCHEMA, build_modeline
from runtime.request.json_schema import build_request_schema
from runtime.request.recipe_examples import NEW_RECIPE, read_example

COMMITTED = SCHEMA
FILES = [*sorted((ROOT / "examples").glob("*.yaml")), ROOT / "examples" / "oq_suite.json", NEW_RECIPE]


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema_rs.validator_for(json.loads(COMMITTED.read_text()), offline=True)


def parse_yaml(text: str) -> Any:
    return YAML(typ="safe").load(text)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_example_is_valid_and_names_its_schema(validator, file):
    text = file.read_text()
    assert [error.message for error in validator.iter_errors(parse_yaml(text))] == []
    assert text.startswith(build_modeline(COMMITTED.parent / file.name) + "\n") or file.suffix == ".json"


@pytest.mark.parametrize("name", list(known_recipes()))
def test_every_recipes_example_is_valid_by_that_recipes_schema(validator, name):
    request = parse_yaml(read_example(known_recipes()[name]))
    own = jsonschema_rs.validator_for(build_request_schema({name: known_recipes()[name]}), offline=True)
    assert own.is_valid(request) and validator.is_valid(request)
    assert not own.is_valid(request | {"recipe": "poem"})


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("oq_suite", "targt", 5),
        ("oq_suite", "target", "25"),
        ("oq_suite", "target", 0),
        ("oq_suite", "recipe", "oq_suit"),
        ("oq_suite", "inputs.usr", "x.md"),
        ("oq_suite", "inputs.gamp_category", 2),
        ("oq_suite", "inputs.urs", "x.odt"),
        ("oq_suite", "output.formats", ["xlsx"]),
        ("oq_suite", "model.api_key_env", "sk-not a name"),
        ("oq_suite", "batching.concurency", 3),
        ("oq_suite", "duplicates", {"method": "fuzzy"}),
        ("eval_dataset", "inputs.categories", [{"name": "a", "description": "b", "cuont": 2}]),
        ("roadmap", "inputs.level", "expert"),
        ("custom_quiz", "inputs.item.properties.question.type", "strong"),
        ("custom_quiz", "inputs.slots", {"count": 3, "list": ["a"]}),
        ("custom_quiz", "inputs.slots", {}),
        ("custom_quiz", "inputs.checks", [{"that": "item.level"}]),
    ],
)
def test_common_mistakes_are_invalid(validator, name, field, value):
    request = parse_yaml((ROOT / "examples" / f"{name}.yaml").read_text())
    *parents, last = field.split(".")
    at = request
    for parent in parents:
        at = at[parent]
    at[last] = value
    assert not validator.is_valid(request)


def test_required_inputs_of_a_recipe_are_required_by_the_schema(validator):
    assert not validator.is_valid({"recipe": "roadmap"}) and not validator.is_valid({"inputs": {}})
    assert validator.is_valid({"recipe": "roadmap", "inputs": {"target_role": "Clown"}})


def test_every_field_of_a_request_is_described():
    schema = json.loads(COMMITTED.read_text())
    assert schema["properties"].keys() == Request.model_fields.keys() and schema["additionalProperties"] is False
    parts = [schema, *schema["$defs"].values()]
    assert all(part["additionalProperties"] is False for part in parts)
    descriptive = {"description", "$ref"}
    assert [
        name for part in parts for name, field in part["properties"].items() if not descriptive & field.keys()
    ] == []


def test_schema_command_prints_the_committed_schema_and_writes_it(shell, tmp_path):
    assert json.loads(shell("schema").stdout) == json.loads(COMMITTED.read_text()), (
        "uv run starter.py schema --out examples/request.schema.json"
    )
    written = shell("schema", "--out", str(tmp_path / "one.json"))
    assert (tmp_path / "one.json").read_text() == COMMITTED.read_text() and "$schema=./one.json" in written.stdout
    roadmap = json.loads(shell("schema", "--recipe", "roadmap").stdout)
    assert roadmap["properties"]["recipe"]["enum"] == ["roadmap"] and "OqInputs" not in roadmap["$defs"]
    wrong = shell("schema", "--recipe", "poem")
    assert wrong.returncode == 2 and "oq_suite" in wrong.stderr
    assert shell("schema", "--out", str(tmp_path / "none" / "one.json")).returncode == 2

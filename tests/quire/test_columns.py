"""What a JSON Schema makes of columns."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quire.schema_columns import JSON, Kind, fitted, kind_of, leaves, plain

TEXT = {"type": "string"}


def obj(required: list[str], **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": required, "additionalProperties": False}


@pytest.mark.parametrize(
    ("schema", "name"),
    [
        (TEXT, "string"),
        ({"type": ["string", "null"]}, "string"),
        ({"type": ["integer", "number"]}, "number"),
        ({"type": ["string", "integer"]}, "json"),
        ({"enum": ["a", "b", None]}, "string"),
        ({"enum": [1, 2.5]}, "number"),
        ({"enum": ["a", 1]}, "json"),
        ({"const": True}, "boolean"),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "integer"),
        ({"type": "array", "items": TEXT}, "list"),
        ({"type": "array"}, "json"),
        ({"type": "object"}, "json"),
        ({"type": "object", "additionalProperties": TEXT}, "json"),
        ({"properties": {"a": TEXT}}, "struct"),
        ({}, "json"),
        (True, "json"),
    ],
)
def test_a_column_has_one_type_or_is_json(schema, name):
    assert kind_of(schema).name == name


def test_objects_of_two_shapes_share_a_column_with_the_fields_of_both():
    one, two = obj(["a", "b"], a=TEXT, b={"type": "integer"}), obj(["a"], a=TEXT, c=TEXT)
    merged = kind_of({"anyOf": [one, two]})
    assert [(name, kind.required) for name, kind in merged.fields] == [("a", True), ("b", False), ("c", False)]
    for value in ({"a": "x", "b": 1}, {"a": "x"}, {"a": "x", "c": "y"}):
        assert plain(merged, fitted(merged, value, set())) == value


def test_what_has_no_room_is_left_out_and_told():
    kind = kind_of(obj(["n"], n={"type": "integer"}, deep=obj([], a=TEXT), many={"type": "array", "items": TEXT}))
    lost: set[str] = set()
    said = fitted(kind, {"n": 2**63, "deep": {"a": "x", "b": 1}, "many": ["a", 3], "new": 1}, lost)
    assert said == {"n": None, "deep": {"a": "x"}, "many": ["a", None]}
    assert lost == {"n", "deep.b", "many", "new"}
    assert fitted(Kind("number"), float("inf"), lost) is None and fitted(Kind("integer"), 3.0, lost) == 3


def test_flat_columns_are_the_leaves_of_a_struct():
    kind = kind_of(obj(["a"], a=obj(["b"], b=TEXT, c={"type": "array", "items": obj([], d=TEXT)}), e=TEXT))
    assert [".".join(path) for path, _ in leaves(kind)] == ["a.b", "a.c", "e"]


def values(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if schema.get("type") == "object":
        fields = {name: values(part) for name, part in schema["properties"].items()}
        needed = {name: part for name, part in fields.items() if name in schema["required"]}
        return st.fixed_dictionaries(needed, optional={name: fields[name] for name in fields if name not in needed})
    if schema.get("type") == "array":
        return st.lists(values(schema["items"]), max_size=3)
    kinds = {
        "string": st.text(),
        "integer": st.integers(-(2**63) + 1, 2**63 - 1),
        "number": st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
    }
    return kinds.get(
        str(schema.get("type")), st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner, max_size=2))
    )


SCHEMAS = st.recursive(
    st.sampled_from([{"type": name} for name in ("string", "integer", "number", "boolean")] + [{}]),
    lambda inner: (
        inner.map(lambda part: {"type": "array", "items": part})
        | st.dictionaries(st.sampled_from("abc"), inner, min_size=1).flatmap(
            lambda fields: st.sets(st.sampled_from(sorted(fields))).map(lambda needed: obj(sorted(needed), **fields))
        )
    ),
    max_leaves=6,
)


@given(SCHEMAS.flatmap(lambda schema: st.tuples(st.just(schema), values(schema))))
def test_what_fits_comes_back_as_it_was(made):
    schema, value = made
    kind, lost = kind_of(schema), set[str]()
    held = json.loads(json.dumps(fitted(kind, value, lost)))
    assert plain(kind, held) == value and not lost
    assert kind != JSON or isinstance(held, str)

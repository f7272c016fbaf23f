"""The columns that a JSON Schema gives a table."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quire.schema_columns import (
    JSON_COLUMN,
    ColumnType,
    derive_column_type,
    from_column_value,
    iter_flat_columns,
    to_column_value,
)

TEXT = {"type": "string"}


def object_schema(required: list[str], **fields: Any) -> dict[str, Any]:
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
    assert derive_column_type(schema).name == name


def test_objects_of_two_shapes_share_a_column_with_the_fields_of_both():
    first, two = object_schema(["a", "b"], a=TEXT, b={"type": "integer"}), object_schema(["a"], a=TEXT, c=TEXT)
    merged = derive_column_type({"anyOf": [first, two]})
    assert [(name, kind.required) for name, kind in merged.fields] == [("a", True), ("b", False), ("c", False)]
    for value in ({"a": "x", "b": 1}, {"a": "x"}, {"a": "x", "c": "y"}):
        assert from_column_value(merged, to_column_value(merged, value, set())) == value


def test_values_that_fit_no_column_are_left_out_and_reported():
    kind = derive_column_type(
        object_schema(
            ["n"], n={"type": "integer"}, deep=object_schema([], a=TEXT), many={"type": "array", "items": TEXT}
        )
    )
    lost: set[str] = set()
    value = to_column_value(kind, {"n": 2**63, "deep": {"a": "x", "b": 1}, "many": ["a", 3], "new": 1}, lost)
    assert value == {"n": None, "deep": {"a": "x"}, "many": ["a", None]}
    assert lost == {"n", "deep.b", "many", "new"}
    assert (
        to_column_value(ColumnType("number"), float("inf"), lost) is None
        and to_column_value(ColumnType("integer"), 3.0, lost) == 3
    )


def test_flat_columns_are_the_leaves_of_a_struct():
    kind = derive_column_type(
        object_schema(
            ["a"], a=object_schema(["b"], b=TEXT, c={"type": "array", "items": object_schema([], d=TEXT)}), e=TEXT
        )
    )
    assert [".".join(path) for path, _ in iter_flat_columns(kind)] == ["a.b", "a.c", "e"]


def values_of(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    if schema.get("type") == "object":
        fields = {name: values_of(part) for name, part in schema["properties"].items()}
        needed = {name: part for name, part in fields.items() if name in schema["required"]}
        return st.fixed_dictionaries(needed, optional={name: fields[name] for name in fields if name not in needed})
    if schema.get("type") == "array":
        return st.lists(values_of(schema["items"]), max_size=3)
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
            lambda fields: st.sets(st.sampled_from(sorted(fields))).map(
                lambda needed: object_schema(sorted(needed), **fields)
            )
        )
    ),
    max_leaves=6,
)


@given(SCHEMAS.flatmap(lambda schema: st.tuples(st.just(schema), values_of(schema))))
def test_values_that_fit_their_columns_survive_a_round_trip(example):
    schema, value = example
    kind, lost = derive_column_type(schema), set[str]()
    stored = json.loads(json.dumps(to_column_value(kind, value, lost)))
    assert from_column_value(kind, stored) == value and not lost
    assert kind != JSON_COLUMN or isinstance(stored, str)

"""Table columns of a JSON Schema: nested for Parquet, flat for CSV. Pure."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal, cast

_INTEGER_LIMIT = 2**63
"""The first integer that does not fit into 64 bits."""


@dataclass(frozen=True)
class ColumnType:
    """The type of a column. `json` holds values of no single type, as JSON text."""

    name: Literal["string", "integer", "number", "boolean", "list", "struct", "json"]
    fields: tuple[tuple[str, "ColumnType"], ...] = ()
    """The fields of a struct by name, in the schema's order."""
    entry: "ColumnType | None" = None
    """The type of a list's entries."""
    required: bool = True
    """True if the struct always has this field; otherwise a null reads back as an absent field."""


JSON_COLUMN = ColumnType("json")


def derive_column_type(schema: Any) -> ColumnType:
    """Return the column type for values of this schema."""
    if not isinstance(schema, dict):
        return JSON_COLUMN
    schema = cast(dict[str, Any], schema)
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            return _merge_all([derive_column_type(part) for part in schema[keyword] if part != {"type": "null"}])
    if "enum" in schema or "const" in schema:
        values: list[Any] = schema.get("enum", [schema.get("const")])
        return _merge_all([_derive_from_value(value) for value in values if value is not None])
    type_: Any = schema.get("type", "object" if "properties" in schema else None)
    names: list[str] = [name for name in (cast(list[str], type_) if isinstance(type_, list) else [type_]) if name]
    return _merge_all([_derive_from_type_name(name, schema) for name in names if name != "null"])


def _derive_from_type_name(name: str, schema: dict[str, Any]) -> ColumnType:
    if name in ("string", "integer", "number", "boolean"):
        return ColumnType(name)
    if name == "array" and isinstance(schema.get("items"), dict) and "prefixItems" not in schema:
        return ColumnType("list", entry=derive_column_type(schema["items"]))
    if name != "object" or not schema.get("properties") or isinstance(schema.get("additionalProperties"), dict):
        return JSON_COLUMN
    required = schema.get("required", [])
    fields = ((key, derive_column_type(part)) for key, part in schema["properties"].items())
    return ColumnType("struct", tuple((key, replace(column, required=key in required)) for key, column in fields))


def _derive_from_value(value: Any) -> ColumnType:
    if isinstance(value, dict) and value:
        parts = cast(dict[str, Any], value)
        return ColumnType("struct", tuple((name, _derive_from_value(part)) for name, part in parts.items()))
    if isinstance(value, list) and value:
        return ColumnType("list", entry=_merge_all([_derive_from_value(part) for part in cast(list[Any], value)]))
    match value:
        case str():
            return ColumnType("string")
        case bool():
            return ColumnType("boolean")
        case int():
            return ColumnType("integer")
        case float():
            return ColumnType("number")
        case _:
            return JSON_COLUMN


def _merge_all(columns: Sequence[ColumnType]) -> ColumnType:
    return reduce(_merge_two, columns) if columns else JSON_COLUMN


def _merge_two(first: ColumnType, second: ColumnType) -> ColumnType:
    """Return a column type that holds the values of both."""
    if first.name == second.name == "struct":
        first_fields, second_fields = dict(first.fields), dict(second.fields)
        common = {
            name: _merge_two(column, second_fields[name])
            for name, column in first_fields.items()
            if name in second_fields
        }
        fields = first_fields | second_fields | common
        names = tuple(
            (name, replace(column, required=name in common and column.required)) for name, column in fields.items()
        )
        return replace(first, fields=names)
    if first.name == second.name == "list" and first.entry and second.entry:
        return replace(first, entry=_merge_two(first.entry, second.entry))
    required = first.required and second.required
    if first.name == second.name:
        return replace(first, required=required)
    if {first.name, second.name} == {"integer", "number"}:
        return ColumnType("number", required=required)
    return replace(JSON_COLUMN, required=required)


def to_column_value(column: ColumnType, value: Any, lost: set[str], path: str = "") -> Any:
    """Return a value as its column holds it. What does not fit is left out, and its path is added to `lost`."""
    if value is None:
        return None
    if column.name == "json":
        return json.dumps(value, ensure_ascii=False)
    if column.name == "struct" and isinstance(value, dict):
        parts, fields = cast(dict[str, Any], value), dict(column.fields)
        lost.update(_join_path(path, name) for name in parts if name not in fields)
        return {
            name: to_column_value(fields[name], part, lost, _join_path(path, name))
            for name, part in parts.items()
            if name in fields
        }
    if column.entry is not None and isinstance(value, list):
        return [to_column_value(column.entry, part, lost, path) for part in cast(list[Any], value)]
    scalar = _fit_scalar(column, value)
    if scalar is None:
        lost.add(path)
    return scalar


def _fit_scalar(column: ColumnType, value: Any) -> Any:
    if isinstance(value, bool) or column.name == "boolean":
        return value if isinstance(value, bool) and column.name == "boolean" else None
    if column.name == "string":
        return value if isinstance(value, str) else None
    if not isinstance(value, int | float) or column.name not in ("integer", "number"):
        return None
    if column.name == "integer":
        return int(value) if abs(value) < _INTEGER_LIMIT and value == int(value) else None
    return value if abs(value) <= sys.float_info.max else None  # neither infinite nor NaN


def _join_path(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def from_column_value(column: ColumnType, value: Any) -> Any:
    """Return the value that `to_column_value` was given, from what the column holds."""
    if value is None:
        return None
    if column.name == "json":
        return json.loads(value)
    if column.entry is not None:
        return [from_column_value(column.entry, part) for part in value]
    if column.name == "struct":
        parts = ((name, inner, value.get(name)) for name, inner in column.fields)
        return {
            name: from_column_value(inner, part) for name, inner, part in parts if part is not None or inner.required
        }
    return value


def iter_flat_columns(column: ColumnType, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], ColumnType]]:
    """Yield the flat columns of a struct, each with the names that lead to it."""
    if column.name != "struct":
        yield path, column
    for name, inner in column.fields:
        yield from iter_flat_columns(inner, (*path, name))

"""The columns that a JSON Schema makes: nested ones for Parquet, flat ones for CSV. Pure."""

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

_LARGEST = 2**63
"""From here on an integer is none of 64 bits."""


@dataclass(frozen=True)
class Kind:
    """What a column holds. `json` is whatever has no one type: its text as JSON."""

    name: Literal["string", "integer", "number", "boolean", "list", "struct", "json"]
    fields: tuple[tuple[str, "Kind"], ...] = ()
    """A struct's, by name, in the schema's order."""
    entry: "Kind | None" = None
    """A list's."""
    required: bool = True
    """Whether its struct always has it; else a value that is not there reads back as no field."""


JSON = Kind("json")


def kind_of(schema: Any) -> Kind:
    """The column of values with this schema."""
    if not isinstance(schema, dict):
        return JSON
    said = cast(dict[str, Any], schema)
    for word in ("anyOf", "oneOf"):
        if word in said:
            return _one_of([kind_of(part) for part in said[word] if part != {"type": "null"}])
    if "enum" in said or "const" in said:
        values: list[Any] = said.get("enum", [said.get("const")])
        return _one_of([_of_value(value) for value in values if value is not None])
    named: Any = said.get("type", "object" if "properties" in said else None)
    names: list[str] = [name for name in (cast(list[str], named) if isinstance(named, list) else [named]) if name]
    return _one_of([_typed(name, said) for name in names if name != "null"])


def _typed(name: str, said: dict[str, Any]) -> Kind:
    if name in ("string", "integer", "number", "boolean"):
        return Kind(name)
    if name == "array" and isinstance(said.get("items"), dict) and "prefixItems" not in said:
        return Kind("list", entry=kind_of(said["items"]))
    if name != "object" or not said.get("properties") or isinstance(said.get("additionalProperties"), dict):
        return JSON
    needed = said.get("required", [])
    return Kind(
        "struct",
        tuple((key, replace(kind_of(part), required=key in needed)) for key, part in said["properties"].items()),
    )


def _of_value(value: Any) -> Kind:
    if isinstance(value, dict) and value:
        parts = cast(dict[str, Any], value)
        return Kind("struct", tuple((name, _of_value(part)) for name, part in parts.items()))
    if isinstance(value, list) and value:
        return Kind("list", entry=_one_of([_of_value(part) for part in cast(list[Any], value)]))
    kinds: dict[type, Kind] = {str: Kind("string"), bool: Kind("boolean"), int: Kind("integer"), float: Kind("number")}
    return kinds.get(type(value), JSON)


def _one_of(kinds: Sequence[Kind]) -> Kind:
    if not kinds:
        return JSON
    merged = kinds[0]
    for kind in kinds[1:]:
        merged = _merged(merged, kind)
    return merged


def _merged(one: Kind, other: Kind) -> Kind:
    """A column for values of both."""
    if one.name == other.name == "struct":
        mine, theirs = dict(one.fields), dict(other.fields)
        both = {name: _merged(kind, theirs[name]) for name, kind in mine.items() if name in theirs}
        either = mine | theirs | both
        names = tuple((name, replace(kind, required=name in both and kind.required)) for name, kind in either.items())
        return replace(one, fields=names)
    if one.name == other.name == "list" and one.entry and other.entry:
        return replace(one, entry=_merged(one.entry, other.entry))
    required = one.required and other.required
    if one.name == other.name:
        return replace(one, required=required)
    if {one.name, other.name} == {"integer", "number"}:
        return Kind("number", required=required)
    return replace(JSON, required=required)


def fitted(kind: Kind, value: Any, lost: set[str], at: str = "") -> Any:
    """The value as its column holds it. What the column has no room for is left out, and its place added to `lost`."""
    if value is None:
        return None
    if kind.name == "json":
        return json.dumps(value, ensure_ascii=False)
    if kind.name == "struct" and isinstance(value, dict):
        said, known = cast(dict[str, Any], value), dict(kind.fields)
        lost.update(_below(at, name) for name in said if name not in known)
        return {name: fitted(known[name], part, lost, _below(at, name)) for name, part in said.items() if name in known}
    if kind.entry is not None and isinstance(value, list):
        return [fitted(kind.entry, part, lost, at) for part in cast(list[Any], value)]
    fits = _scalar(kind, value)
    if fits is None:
        lost.add(at)
    return fits


def _scalar(kind: Kind, value: Any) -> Any:
    if isinstance(value, bool) or kind.name == "boolean":
        return value if isinstance(value, bool) and kind.name == "boolean" else None
    if kind.name == "string":
        return value if isinstance(value, str) else None
    if not isinstance(value, int | float) or kind.name not in ("integer", "number"):
        return None
    if kind.name == "integer":
        return int(value) if abs(value) < _LARGEST and value == int(value) else None
    return value if abs(value) <= sys.float_info.max else None  # neither infinite nor not a number


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def plain(kind: Kind, value: Any) -> Any:
    """What `fitted` was given, from what the column holds."""
    if value is None:
        return None
    if kind.name == "json":
        return json.loads(value)
    if kind.entry is not None:
        return [plain(kind.entry, part) for part in value]
    if kind.name == "struct":
        there = ((name, inner, value.get(name)) for name, inner in kind.fields)
        return {name: plain(inner, part) for name, inner, part in there if part is not None or inner.required}
    return value


def leaves(kind: Kind, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Kind]]:
    """The flat columns of a struct: each with the names that lead to it."""
    if kind.name != "struct":
        yield path, kind
    for name, inner in kind.fields:
        yield from leaves(inner, (*path, name))

"""Item schemas that no value can meet, where that is simple to see: every try would be paid for nothing."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import jsonschema_rs

from recipes.base.recipe import InputError

_BOUNDS = (
    ("minLength", "maxLength"), ("minItems", "maxItems"), ("minProperties", "maxProperties"), ("minimum", "maximum"),
    ("minContains", "maxContains"), ("exclusiveMinimum", "maximum"), ("minimum", "exclusiveMaximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
)  # fmt: skip
_PLACES = ("properties", "items", "prefixItems", "allOf")
"""Keywords whose schemas apply to values that the item has; those of `anyOf`, `if` or `not` need not be met."""


def check_satisfiable(schema: Any, field: str) -> None:
    """Raise InputError for a part of a schema that forbids every value."""
    if isinstance(schema, dict):
        _check_object(cast(dict[str, Any], schema), field)


def _check_object(schema: Mapping[str, Any], field: str) -> None:
    for low, high in _BOUNDS:
        if (fault := _find_bounds_fault(schema, low, high)) is not None:
            raise InputError(f"{field}.{low}", fault)
    values = schema.get("enum")
    if isinstance(values, list) or "const" in schema:
        candidates = cast(Sequence[Any], values) if isinstance(values, list) else [schema["const"]]
        validator = jsonschema_rs.validator_for(dict(schema), offline=True)
        if not any(validator.is_valid(value) for value in candidates):
            keyword = "enum" if isinstance(values, list) else "const"
            raise InputError(f"{field}.{keyword}", "none of these values meets the rest of the schema")
    for name, part in cast(dict[str, Any], schema.get("properties", {})).items():
        if part is False:
            raise InputError(f"{field}.properties.{name}", "`false` allows no value; leave the field out")
    for place in _PLACES:
        parts: Any = schema.get(place)
        if place == "properties":
            for name, part in (parts or {}).items():
                check_satisfiable(part, f"{field}.properties.{name}")
        elif isinstance(parts, list):
            for index, part in enumerate(cast(list[Any], parts)):
                check_satisfiable(part, f"{field}.{place}.{index}")
        else:
            check_satisfiable(parts, f"{field}.{place}")


def _find_bounds_fault(schema: Mapping[str, Any], low: str, high: str) -> str | None:
    """Return what is wrong with a lower and an upper bound; None if a value can lie between them."""
    least, most = schema.get(low), schema.get(high)
    if not isinstance(least, int | float) or not isinstance(most, int | float):
        return None
    is_open = "exclusive" in low + high
    if least < most or (least == most and not is_open):
        return None
    return f"{low} {least} and {high} {most} leave no value; the first must be smaller"

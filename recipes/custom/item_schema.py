"""Prepare a user's item schema for the model: checked, local references inlined, nothing fetched. Pure."""

from collections.abc import Mapping
from typing import Any, cast

import jsonschema_rs

from recipes.base.recipe import InputError
from recipes.base.schema_parts import SLOT
from recipes.custom.schema_contradictions import check_satisfiable

RESERVED = ("slot", "id", "provenance")
_MAX_DEPTH = 30


def prepare_schema(schema: Mapping[str, Any], field: str) -> dict[str, Any]:
    """Return the schema with its local `$ref`s inlined. Raises InputError that names the faulty part."""
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict) or not schema["properties"]:
        raise InputError(field, "an item is an object: write `type: object` and its `properties`")
    for name in cast(dict[str, Any], schema["properties"]):
        if name in RESERVED:
            raise InputError(f"{field}.properties.{name}", "this name is Quire's own; choose another")
    inlined = _inline_references(schema, schema, field, 0)
    for name in ("$defs", "definitions", "$schema", "$id"):
        inlined.pop(name, None)
    try:
        jsonschema_rs.meta.validate(inlined)
        jsonschema_rs.validator_for(inlined, offline=True)
    except jsonschema_rs.ValidationError as error:
        place = ".".join([field, *map(str, error.instance_path)])
        raise InputError(place, f"not a JSON Schema: {error.message}") from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise InputError(field, f"not a JSON Schema: {error}") from None
    check_satisfiable(inlined, field)
    undefined = [name for name in inlined.get("required", []) if name not in inlined["properties"]]
    if undefined:
        raise InputError(f"{field}.required", f"'{undefined[0]}' is required but not among the properties")
    return inlined


def add_slot_number(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the item's schema as a batch asks for it: with the number of the slot."""
    fields = {"slot": SLOT, **schema["properties"]}
    return {**schema, "properties": fields, "required": ["slot", *schema.get("required", [])]}


def _inline_references(part: Any, root: Mapping[str, Any], field: str, depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise InputError(field, "the schema refers to itself or is nested too deep; write out the levels you need")
    if isinstance(part, list):
        return [_inline_references(inner, root, field, depth + 1) for inner in cast(list[Any], part)]
    if not isinstance(part, dict):
        return part
    schema = cast(dict[str, Any], part)
    if isinstance(schema.get("$ref"), str):
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        target = _find_target(schema["$ref"], root, field)
        return _inline_references({**target, **siblings}, root, field, depth + 1)
    return {
        key: value if key in ("$defs", "definitions") else _inline_references(value, root, field, depth + 1)
        for key, value in schema.items()
    }


def _find_target(ref: str, root: Mapping[str, Any], field: str) -> dict[str, Any]:
    if not ref.startswith("#/"):
        raise InputError(field, f"$ref '{ref}' leads outside this schema; files and addresses are not read")
    part: Any = root
    for name in ref[2:].split("/"):
        name = name.replace("~1", "/").replace("~0", "~")
        part = cast(dict[str, Any], part).get(name) if isinstance(part, dict) else None
    if not isinstance(part, dict):
        raise InputError(field, f"$ref '{ref}' leads to nothing")
    return cast(dict[str, Any], part)

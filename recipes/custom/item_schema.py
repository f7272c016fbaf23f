"""A user's item schema, made fit for the model: checked, local references put in place, nothing fetched. Pure."""

from collections.abc import Mapping
from typing import Any, cast

import jsonschema_rs

from recipes.base.recipe import SLOT, InputError

RESERVED = ("slot", "id", "provenance")
_DEEPEST = 30


def usable(schema: Mapping[str, Any], field: str) -> dict[str, Any]:
    """The schema with its local `$ref`s replaced by what they name. Raises InputError that says what is wrong where."""
    if schema.get("type") != "object" or not isinstance(schema.get("properties"), dict) or not schema["properties"]:
        raise InputError(field, "an item is an object: write `type: object` and its `properties`")
    for name in cast(dict[str, Any], schema["properties"]):
        if name in RESERVED:
            raise InputError(f"{field}.properties.{name}", "this name is Quire's own; choose another")
    whole = _inlined(schema, schema, field, 0)
    for name in ("$defs", "definitions", "$schema", "$id"):
        whole.pop(name, None)
    try:
        jsonschema_rs.meta.validate(whole)
        jsonschema_rs.validator_for(whole, offline=True)
    except jsonschema_rs.ValidationError as error:
        place = ".".join([field, *map(str, error.instance_path)])
        raise InputError(place, f"not a JSON Schema: {error.message}") from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise InputError(field, f"not a JSON Schema: {error}") from None
    unknown = [name for name in whole.get("required", []) if name not in whole["properties"]]
    if unknown:
        raise InputError(f"{field}.required", f"'{unknown[0]}' is required and not among the properties")
    return whole


def with_slot(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The item's schema as a batch asks for it: it echoes the slot's number."""
    fields = {"slot": SLOT, **schema["properties"]}
    return {**schema, "properties": fields, "required": ["slot", *schema.get("required", [])]}


def _inlined(part: Any, root: Mapping[str, Any], field: str, depth: int) -> Any:
    if depth > _DEEPEST:
        raise InputError(field, "the schema refers to itself or is nested too deep; write out the levels you need")
    if isinstance(part, list):
        return [_inlined(inner, root, field, depth + 1) for inner in cast(list[Any], part)]
    if not isinstance(part, dict):
        return part
    said = cast(dict[str, Any], part)
    if isinstance(said.get("$ref"), str):
        rest = {key: value for key, value in said.items() if key != "$ref"}
        return _inlined({**_target(said["$ref"], root, field), **rest}, root, field, depth + 1)
    return {
        key: value if key in ("$defs", "definitions") else _inlined(value, root, field, depth + 1)
        for key, value in said.items()
    }


def _target(ref: str, root: Mapping[str, Any], field: str) -> dict[str, Any]:
    if not ref.startswith("#/"):
        raise InputError(field, f"$ref '{ref}' leads outside this schema; files and addresses are not read")
    at: Any = root
    for name in ref[2:].split("/"):
        at = cast(dict[str, Any], at).get(name.replace("~1", "/").replace("~0", "~")) if isinstance(at, dict) else None
    if not isinstance(at, dict):
        raise InputError(field, f"$ref '{ref}' leads to nothing")
    return cast(dict[str, Any], at)

"""The fields of a recipe's inputs as a person reads them, from their JSON Schema."""

from typing import Any

from quire.request import Part

_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}


def lines(model: type[Part]) -> list[str]:
    """A line for each field; parts that fields are made of follow, each with its own fields."""
    schema = model.model_json_schema()
    said = _fields(schema)
    for name, part in schema.get("$defs", {}).items():
        said += ["", f"{name}:", *_fields(part)]
    return said


def _fields(schema: dict[str, Any]) -> list[str]:
    needed = set(schema.get("required", []))
    rows: list[str] = []
    for name, part in schema.get("properties", {}).items():
        default = part.get("default")
        must = "needed" if name in needed else "optional" if default in (None, "", [], {}) else f"default {default}"
        said = f"  {name}: {_kind(part)}; {must}"
        rows.append(said + (f"; {part['description']}" if part.get("description") else ""))
    return rows


def _kind(part: dict[str, Any]) -> str:
    if "$ref" in part:
        return str(part["$ref"]).rpartition("/")[2]
    if "enum" in part:
        return " | ".join(map(str, part["enum"]))
    if options := part.get("anyOf"):
        return " or ".join(_kind(option) for option in options if option.get("type") != "null")
    if part.get("type") == "array":
        return f"list of {_kind(part.get('items', {}))}"
    return _WORDS.get(str(part.get("type")), "anything")

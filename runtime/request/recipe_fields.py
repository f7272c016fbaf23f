"""The fields of a recipe's inputs, as lines that a person reads, from their JSON Schema."""

from typing import Any

from quire.request import Part

_TYPE_NAMES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "mapping",
}


def format_fields(model: type[Part]) -> list[str]:
    """Return a line for each field of a model, and then those of the models that its fields hold."""
    schema = model.model_json_schema()
    lines = _format_properties(schema)
    for name, definition in schema.get("$defs", {}).items():
        lines += ["", f"{name}:", *_format_properties(definition)]
    return lines


def _format_properties(schema: dict[str, Any]) -> list[str]:
    required = set(schema.get("required", []))
    lines: list[str] = []
    for name, field in schema.get("properties", {}).items():
        default = field.get("default")
        has_default = default not in (None, "", [], {})
        presence = "needed" if name in required else f"default {default}" if has_default else "optional"
        description = f"; {field['description']}" if field.get("description") else ""
        lines.append(f"  {name}: {_describe_type(field)}; {presence}{description}")
    return lines


def _describe_type(field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"]).rpartition("/")[2]
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if options := field.get("anyOf"):
        return " or ".join(_describe_type(option) for option in options if option.get("type") != "null")
    if field.get("type") == "array":
        return f"list of {_describe_type(field.get('items', {}))}"
    return _TYPE_NAMES.get(str(field.get("type")), "anything")

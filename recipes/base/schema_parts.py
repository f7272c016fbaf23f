"""Pieces of JSON Schema that recipes put theirs together from, and what providers take."""

from typing import Any, cast

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
SLOT: dict[str, Any] = {"type": "integer", "description": "the number of the slot that this item fills"}
PROVENANCE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "source": {"enum": ["model", "fallback"]},
        "model": {"type": ["string", "null"]},
        "batch": {"type": "string"},
        "attempt": {"type": "integer"},
        "simulated": {"type": "boolean"},
        "duplicate_of": {"type": "string"},
        "likeness": {"type": "number"},
    },
    "required": ["source", "model", "batch", "attempt", "simulated"],
}
"""Where an item came from; the last two are said of one that was kept although it is like another."""


def closed(fields: dict[str, Any]) -> dict[str, Any]:
    """An object schema as strict structured output wants it: every field required, no other allowed."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def strict(schema: Any) -> bool:
    """Whether providers take this schema in strict mode: every object closed, every field required."""
    if isinstance(schema, list):
        return all(strict(part) for part in cast(list[Any], schema))
    if not isinstance(schema, dict):
        return True
    said = cast(dict[str, Any], schema)
    if said.get("type") == "object" or "properties" in said:
        fields = said.get("properties", {})
        if said.get("additionalProperties") is not False or set(said.get("required", [])) != set(fields):
            return False
        return all(strict(part) for part in fields.values())
    return all(strict(part) for part in said.values())

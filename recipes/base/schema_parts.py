"""JSON Schema building blocks of recipes, and what providers accept in strict mode."""

from typing import Any, cast

TEXT: dict[str, Any] = {"type": "string", "minLength": 1}
SLOT: dict[str, Any] = {"type": "integer", "description": "the number of the slot that this item fills"}
PROVENANCE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "source": {"enum": ["model", "fallback"]},
        "model": {"type": ["string", "null"]},
        "endpoint": {"type": ["string", "null"]},
        "batch": {"type": "string"},
        "attempt": {"type": "integer"},
        "simulated": {"type": "boolean"},
        "duplicate_of": {"type": "string"},
        "likeness": {"type": "number"},
    },
    "required": ["source", "model", "batch", "attempt", "simulated"],
}
"""Where an item came from: `endpoint` is the address that was called, or `simulator`. Only an item that stays although
it duplicates another has the last two fields."""


def closed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return an object schema fit for strict structured output: every field required, no other allowed."""
    return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}


def is_strict(schema: Any) -> bool:
    """Return True if providers accept this schema in strict mode: every object closed, every field required."""
    if isinstance(schema, list):
        return all(is_strict(part) for part in cast(list[Any], schema))
    if not isinstance(schema, dict):
        return True
    parts = cast(dict[str, Any], schema)
    if parts.get("type") == "object" or "properties" in parts:
        fields = parts.get("properties", {})
        if parts.get("additionalProperties") is not False or set(parts.get("required", [])) != set(fields):
            return False
        return all(is_strict(part) for part in fields.values())
    return all(is_strict(part) for part in parts.values())

"""The request body of a call, in the modes of structured output that servers support."""

import json
import re
from typing import Any, Literal

from quire.request import ModelChoice

OPENAI = "https://api.openai.com/v1"
"""The endpoint of calls if none is set."""
StructuredMode = Literal["json_schema", "json_object", "text"]
MODES: tuple[StructuredMode, ...] = ("json_schema", "json_object", "text")
"""In the order in which they are tried, once each, until an endpoint accepts one."""
_REASONING_MODEL = re.compile(r"^(?:o[1-9]\d*|gpt-(?:[5-9]|\d{2,}))(?:[-.].*)?$")


def is_reasoning_model(model: str) -> bool:
    """Return whether a model thinks first: o1, o3, o4, gpt-5 and later families, after any `vendor/` prefix."""
    return bool(_REASONING_MODEL.match(model.rsplit("/", 1)[-1].lower()))


def build_body(
    model: ModelChoice,
    messages: list[dict[str, str]],
    entry: dict[str, Any],
    count: int,
    *,
    strictly: bool,
    unlimited: bool = False,
    warmer: bool = False,
) -> dict[str, Any]:
    """Build the body of a call for exactly `count` entries of the schema `entry`, in the first mode.

    `unlimited` leaves the output limit to the model. `warmer` asks for more variety, if the model takes a temperature.
    """
    json_schema = {"name": "items", "strict": strictly, "schema": answer_schema(entry, count)}
    body: dict[str, Any] = {
        "model": model.name,
        "messages": messages,
        "response_format": {"type": "json_schema", "json_schema": json_schema},
    }
    reasoning = is_reasoning_model(model.name)
    if not unlimited:
        body["max_completion_tokens" if reasoning else "max_tokens"] = model.max_output_tokens
    if not reasoning and model.temperature is not None:
        body["temperature"] = min(2.0, model.temperature + 0.3) if warmer else model.temperature
    elif not reasoning and warmer:
        body["temperature"] = 1.2
    return body


def answer_schema(entry: dict[str, Any], count: int) -> dict[str, Any]:
    """Return the schema of a whole answer: an object with the one array `items`."""
    return {
        "type": "object",
        "properties": {"items": {"type": "array", "minItems": count, "maxItems": count, "items": entry}},
        "required": ["items"],
        "additionalProperties": False,
    }


def in_mode(body: dict[str, Any], mode: StructuredMode) -> dict[str, Any]:
    """Return a body of the first mode in another mode: its schema then follows the last message, so that what all
    batches have in common still comes first."""
    if mode == "json_schema":
        return body
    schema = body["response_format"]["json_schema"]["schema"]
    instruction = f"Answer with JSON only, of this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    changed = {key: value for key, value in body.items() if key != "response_format"}
    *earlier, last = body["messages"]
    changed["messages"] = [*earlier, {**last, "content": f"{last['content']}\n\n{instruction}"}]
    return changed if mode == "text" else changed | {"response_format": {"type": "json_object"}}

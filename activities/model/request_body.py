"""The request body of one call, in the forms of structured output that servers know."""

import json
import re
from typing import Any, Literal

from quire.request import ModelChoice

OPENAI = "https://api.openai.com/v1"
"""Where calls go when nothing else is said."""
Form = Literal["json_schema", "json_object", "text"]
FORMS: tuple[Form, ...] = ("json_schema", "json_object", "text")
"""Tried in this order, once each, until an endpoint takes one."""
_REASONING = re.compile(r"^(?:o[1-9]\d*|gpt-(?:[5-9]|\d{2,}))(?:[-.].*)?$")


def reasons(model: str) -> bool:
    """Whether the model thinks first: o1, o3, o4, gpt-5 and later families, behind any `vendor/` prefix."""
    return bool(_REASONING.match(model.rsplit("/", 1)[-1].lower()))


def body_of(
    model: ModelChoice,
    messages: list[dict[str, str]],
    entry: dict[str, Any],
    count: int,
    *,
    strictly: bool,
    unlimited: bool = False,
    warmer: bool = False,
) -> dict[str, Any]:
    """The body for exactly `count` entries of this schema, in the first form.

    `unlimited` leaves the output limit to the model; `warmer` asks for more variety, where the model takes that.
    """
    form = {"name": "items", "strict": strictly, "schema": envelope(entry, count)}
    body: dict[str, Any] = {
        "model": model.name,
        "messages": messages,
        "response_format": {"type": "json_schema", "json_schema": form},
    }
    thinks = reasons(model.name)
    if not unlimited:
        body["max_completion_tokens" if thinks else "max_tokens"] = model.max_output_tokens
    if not thinks and model.temperature is not None:
        body["temperature"] = min(2.0, model.temperature + 0.3) if warmer else model.temperature
    elif not thinks and warmer:
        body["temperature"] = 1.2
    return body


def envelope(entry: dict[str, Any], count: int) -> dict[str, Any]:
    """The schema of a whole answer: an object around the one array `items`."""
    return {
        "type": "object",
        "properties": {"items": {"type": "array", "minItems": count, "maxItems": count, "items": entry}},
        "required": ["items"],
        "additionalProperties": False,
    }


def in_form(body: dict[str, Any], form: Form) -> dict[str, Any]:
    """The same body for a server that knows less: the schema goes into the prompt, after what is common to all."""
    if form == "json_schema":
        return body
    schema = body["response_format"]["json_schema"]["schema"]
    said = f"Answer with JSON only, of this JSON Schema:\n{json.dumps(schema, ensure_ascii=False)}"
    rest = {key: value for key, value in body.items() if key != "response_format"}
    first, *others = body["messages"]
    rest["messages"] = [first, *others[:-1], {**others[-1], "content": f"{others[-1]['content']}\n\n{said}"}]
    return rest if form == "text" else rest | {"response_format": {"type": "json_object"}}

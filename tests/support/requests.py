"""Requests that tests and benchmarks run."""

from pathlib import Path
from typing import Any

from activities.documents.input_files import list_input_addresses
from quire.request import Request
from recipes.planning import Plan
from runtime.paths import EXAMPLES
from runtime.request import request_file

URS = EXAMPLES / "urs" / "chromatography.md"
THING: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["title", "text", "value"],
    "properties": {
        "title": {"type": "string", "minLength": 4},
        "text": {"type": "string", "minLength": 300},
        "value": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    },
}
"""Schema of an item of about a hundred tokens that is easy to check."""
TEXT_ENTRY: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["text"],
    "properties": {"text": {"type": "string"}},
}
"""Schema of the smallest item: one text."""


def lay_out_plan(request: dict[str, object], base: Path = EXAMPLES) -> Plan:
    """Return the plan of a request whose paths are relative to `base`."""
    return request_file.check_mapping(request, base).plan


def oq_request(store: Path, **changes: object) -> Request:
    """Return the request of examples/oq_suite.yaml with an absolute input path and its own store."""
    fields: dict[str, object] = {
        "recipe": "oq_suite",
        "inputs": {"urs": str(URS), "gamp_category": 5},
        "target": 25,
        "output": {"store": str(store)},
    }
    return Request.model_validate(fields | changes)


def example_request(name: str, store: Path, **changes: object) -> Request:
    """Return an example's request with absolute input paths, its own store, and changes to its top-level fields."""
    fields = request_file.load_request(EXAMPLES / f"{name}.yaml").request.model_dump(mode="json") | changes
    fields["output"] = fields["output"] | {"store": str(store)}
    inputs = dict(fields["inputs"])
    for field, path in list_input_addresses(Request.model_validate(fields)).items():
        if not Path(path).is_absolute() and "://" not in path:
            inputs = _with_input(inputs, field.split("."), str(EXAMPLES / path))
    return Request.model_validate(fields | {"inputs": inputs})


def _with_input(inputs: dict[str, Any], path: list[str], value: str) -> dict[str, Any]:
    name, *remaining = path
    return inputs | {name: _with_input(inputs[name], remaining, value) if remaining else value}


def things_request(store: str | Path, count: int, **changes: Any) -> Request:
    """Return a request for `count` items of the schema THING that takes no answers of earlier runs."""
    return Request.model_validate(_things(store, count) | {"reuse": False} | changes)


def batched_things_request(store: str | Path, count: int = 40, **changes: Any) -> Request:
    """Return a checked request for `count` things: 5 per batch, 10 calls in flight, up to 12 attempts."""
    fields = _things(store, count) | {
        "batching": {"size": 5, "concurrency": 10, "tokens_per_item": 120},
        "retry": {"attempts": 12},
    }
    return lay_out_plan(fields | changes).request


def _things(store: str | Path, count: int) -> dict[str, Any]:
    inputs = {"item": THING, "instructions": "Make things.", "prompt": "thing {{ index }}", "slots": {"count": count}}
    return {
        "recipe": "custom",
        "inputs": inputs,
        "model": {"name": "gpt-4o-mini"},
        "output": {"store": str(store), "formats": ["jsonl"]},
    }

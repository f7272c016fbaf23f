"""Every number of a request has an upper bound, so that no time, count or price overflows later."""

import math
from typing import Any

import pytest
from pydantic import ValidationError

from quire.request import MAX_TARGET, Request
from runtime.errors import SetupError
from tests.support.assembled_artifact import custom_request
from tests.support.requests import TEXT_ENTRY, lay_out_plan

HUGE = [10**20, 10**40, -(10**40), math.inf, -math.inf, math.nan, 1e300]
SCHEMA = Request.model_json_schema()


def list_numbers(part: dict[str, Any], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the paths of all fields of the request's JSON Schema that take a number; `0` is the entry of a list."""
    if "$ref" in part:
        part = SCHEMA["$defs"][part["$ref"].rpartition("/")[2]]
    numbers = [path] if part.get("type") in ("integer", "number") else []
    for choice in part.get("anyOf", []):
        numbers += list_numbers(choice, path)
    for name, field in part.get("properties", {}).items():
        numbers += list_numbers(field, (*path, name))
    return numbers + (list_numbers(part["items"], (*path, "0")) if isinstance(part.get("items"), dict) else [])


def build_fields(path: tuple[str, ...], value: object) -> Any:
    if not path:
        return value
    inner = build_fields(path[1:], value)
    return [inner] if path[0] == "0" else {path[0]: inner}


@pytest.mark.parametrize("path", sorted(set(list_numbers(SCHEMA))), ids=".".join)
def test_a_huge_number_is_refused_in_every_field(path):
    for value in HUGE:
        with pytest.raises(ValidationError) as raised:
            Request.model_validate({"recipe": "custom", **build_fields(path, value)})
        places = [tuple(map(str, error["loc"]))[: len(path)] for error in raised.value.errors()]
        assert path in places, (value, raised.value)


@pytest.mark.parametrize(
    "slots", [{"count": MAX_TARGET + 1}, {"list": ["a", "b"], "each": MAX_TARGET}, {"count": 10**30}]
)
def test_more_items_than_a_run_may_have_are_refused_before_they_are_laid_out(slots):
    with pytest.raises(SetupError, match=r"1,000,000|1000000"):
        lay_out_plan(custom_request(TEXT_ENTRY, ["x"], slots=slots))

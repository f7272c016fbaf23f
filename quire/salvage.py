"""Complete items out of an answer that may be cut off or dirty; never an invented end. Pure."""

import json
import re
from typing import Any, cast

import json_repair

ENVELOPE = "items"
_DECODER = json.JSONDecoder()
_GAP = re.compile(r"[\s,]*")
_OPENING = re.compile(r'^\s*(?:```(?:json)?\s*)?(?:\{\s*"items"\s*:\s*)?\[')


def salvage(text: str, *, truncated: bool) -> list[Any]:
    """The items that `text`, an answer `{"items": [...]}`, holds whole, in order.

    A cut-off answer gives exactly the elements that were finished. Repair, which guesses, only serves answers that
    are not cut off, and drops its last element, since it marks none of its guesses.
    """
    try:
        return _unwrap(json.loads(text))
    except ValueError:
        pass
    whole = scan(text)
    if truncated or not text.strip():
        return whole
    try:
        repaired = _unwrap(json_repair.loads(text))[:-1]
    except (ValueError, RecursionError):
        repaired = []
    return repaired if len(repaired) > len(whole) else whole


def scan(text: str) -> list[Any]:
    """The leading complete elements of the answer's array."""
    opening = _OPENING.match(text)
    if opening is None:
        return []
    items: list[Any] = []
    at = opening.end()
    while True:
        gap = _GAP.match(text, at)
        at = gap.end() if gap else at
        try:
            item, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return items
        if end == len(text) and not isinstance(item, dict | list | str):
            return items  # a number at the very end may be half a number
        items.append(item)
        at = end


def _unwrap(answer: Any) -> list[Any]:
    if isinstance(answer, dict):
        answer = cast(dict[str, Any], answer).get(ENVELOPE)
    return cast(list[Any], answer) if isinstance(answer, list) else []

"""Extract complete items from an answer that may be cut off or malformed; nothing is ever invented. Pure."""

import json
import math
import re
from typing import Any, cast

ENVELOPE = "items"
MAX_DEPTH = 64
"""Levels of lists and objects in an item."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89abcdefABCDEF]|[\ud800-\udfff]")
"""Half of a surrogate pair, as JSON escapes it or as it is."""
_DECODER = json.JSONDecoder()
_GAP = re.compile(r"[\s,]*")
_OPENING = re.compile(r'^\s*(?:```(?:json)?\s*)?(?:\{\s*"items"\s*:\s*)?\[')
"""The start of the array, at the start of the answer."""
_ENVELOPE = re.compile(r'\{\s*"items"\s*:\s*\[')
"""The start of the array anywhere: some models put an introduction before it."""


def extract_items(text: str, *, truncated: bool) -> list[Any]:
    """Return the complete items of an answer `{"items": [...]}`, in order.

    A cut-off answer yields exactly the elements that were finished. JSON repair, which guesses, is used only for
    answers that are not cut off, and its last element is dropped, since nothing tells a guess from the original.
    """
    items = _extract_raw_items(text, truncated=truncated)
    return [_replace_in(item) for item in items] if _SURROGATE_ESCAPE.search(text) else items


def _extract_raw_items(text: str, *, truncated: bool) -> list[Any]:
    try:
        return _unwrap(json.loads(text))
    except (ValueError, RecursionError):
        pass
    items = scan_items(text)
    if truncated or not text.strip():
        return items
    import json_repair  # few answers need it, and commands that only look at runs do without

    try:
        repaired = _unwrap(json_repair.loads(text))[:-1]
    except (ValueError, RecursionError):
        repaired = []
    return repaired if len(repaired) > len(items) else items


def replace_surrogates(text: str) -> str:
    """Return a text that can be encoded: halves of surrogate pairs are joined, and lone ones replaced by `�`."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _replace_in(value: Any) -> Any:
    """Return a JSON value whose texts can be encoded; None in the place of one that is nested far too deeply."""
    if isinstance(value, str):
        return replace_surrogates(value)
    try:
        if isinstance(value, list):
            return [_replace_in(entry) for entry in cast(list[Any], value)]
        if isinstance(value, dict):
            return {replace_surrogates(key): _replace_in(entry) for key, entry in cast(dict[str, Any], value).items()}
    except RecursionError:
        return None
    return value


def find_unstorable(item: Any) -> str:
    """Return why a JSON value cannot be an item of an artifact, whatever its schema says; empty if it can.

    JSON, databases and the programs that read artifacts know no NaN, no infinity and no integer beyond 64 bits, and
    give up on values that are nested some hundred levels deep.
    """
    level, depth = [item], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            return f"it is nested more than {MAX_DEPTH} levels deep"
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += cast(dict[str, Any], value).values()
            elif isinstance(value, list):
                inner += cast(list[Any], value)
            elif isinstance(value, float) and not math.isfinite(value):
                return f"it holds {value}, which is not a number of JSON"
            elif isinstance(value, int) and not -(2**63) <= value < 2**64:
                return "it holds an integer of more than 64 bits"
        level = inner
    return ""


def scan_items(text: str) -> list[Any]:
    """Return the complete elements at the start of the answer's array."""
    opening = _find_opening(text)
    if opening is None:
        return []
    items: list[Any] = []
    position = opening.end()
    while True:
        gap = _GAP.match(text, position)
        position = gap.end() if gap else position
        try:
            item, end = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return items
        if end == len(text) and not isinstance(item, dict | list | str):
            return items  # a number at the very end may be half a number
        items.append(item)
        position = end


def _find_opening(text: str) -> re.Match[str] | None:
    return _OPENING.match(text) or _ENVELOPE.search(text)


class ItemScanner:
    """Counts the complete elements of an answer while it is being streamed."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._pending = ""
        """The text after the last complete element."""
        self._is_open = False
        self.complete = 0

    @property
    def text(self) -> str:
        """The answer so far."""
        return "".join(self._pieces)

    def feed(self, piece: str) -> bool:
        """Append the next piece. Return True if it completed an element."""
        self._pieces.append(piece)
        self._pending += piece
        if not any(mark in piece for mark in "}]["):
            return False  # only a bracket can open the array or end an object
        before = self.complete
        if not self._is_open:
            opening = _find_opening(self._pending)
            if opening is None:
                return False
            self._is_open, self._pending = True, self._pending[opening.end() :]
        while True:
            start = self._pending.lstrip(" \t\r\n,")
            try:
                _, end = _DECODER.raw_decode(start)
            except (ValueError, RecursionError):
                return self.complete > before
            if end == len(start) and not start.endswith(("}", "]", '"')):
                return self.complete > before
            self.complete += 1
            self._pending = start[end:]


def _unwrap(answer: Any) -> list[Any]:
    if isinstance(answer, dict):
        answer = cast(dict[str, Any], answer).get(ENVELOPE)
    return cast(list[Any], answer) if isinstance(answer, list) else []

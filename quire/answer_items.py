"""Complete items out of an answer that may be cut off or dirty; never an invented end. Pure."""

import json
import re
from typing import Any, cast

import json_repair

ENVELOPE = "items"
_DECODER = json.JSONDecoder()
_GAP = re.compile(r"[\s,]*")
_OPENING = re.compile(r'^\s*(?:```(?:json)?\s*)?(?:\{\s*"items"\s*:\s*)?\[')
_ENVELOPE = re.compile(r'\{\s*"items"\s*:\s*\[')
"""Where the array begins: at the start, or behind words that nobody asked for."""


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
    opening = _opening(text)
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


def _opening(text: str) -> re.Match[str] | None:
    return _OPENING.match(text) or _ENVELOPE.search(text)


class Scanner:
    """Counts the complete elements of an answer that is still being written."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._rest = ""
        """The text from where nothing is complete yet."""
        self._opened = False
        self.complete = 0

    @property
    def text(self) -> str:
        """All that came."""
        return "".join(self._pieces)

    def feed(self, piece: str) -> bool:
        """Take the next piece; whether it completed an element."""
        self._pieces.append(piece)
        self._rest += piece
        if not any(mark in piece for mark in "}]["):
            return False  # only a bracket can open the array or end an object
        before = self.complete
        if not self._opened:
            opening = _opening(self._rest)
            if opening is None:
                return False
            self._opened, self._rest = True, self._rest[opening.end() :]
        while True:
            start = self._rest.lstrip(" \t\r\n,")
            try:
                _, end = _DECODER.raw_decode(start)
            except (ValueError, RecursionError):
                return self.complete > before
            if end == len(start) and not start.endswith(("}", "]", '"')):
                return self.complete > before
            self.complete += 1
            self._rest = start[end:]


def _unwrap(answer: Any) -> list[Any]:
    if isinstance(answer, dict):
        answer = cast(dict[str, Any], answer).get(ENVELOPE)
    return cast(list[Any], answer) if isinstance(answer, list) else []

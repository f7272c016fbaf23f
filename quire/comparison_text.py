"""The text by which items are compared: their content, its pattern without numbers and names, or its words. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_ID = re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[a-z])[\w]+(?:-[\w]+)*\b|#\w+", re.IGNORECASE)
_ADDRESS = re.compile(r"\S+@\S+|\b(?:https?://|www\.)\S+", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?[$€£]?\d+(?:[.,:/]\d+)*%?")
_NAME = re.compile(r"(?<=[\w,;:] )(?:[A-Z][a-z]+\b ?)+")
_OTHER = re.compile(r"[^\w<>]+")


def to_canonical_json(value: Any) -> str:
    """Return JSON with sorted keys: values of equal content give equal texts."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def extract_pattern(text: str) -> str:
    """Remove from a text what varies between uses of one template: numbers, ids, names, case, spacing, punctuation."""
    for regex, mark in ((_ADDRESS, " <address> "), (_ID, " <id> "), (_NUMBER, " <n> "), (_NAME, "<name> ")):
        text = regex.sub(mark, text)
    return _OTHER.sub(" ", text.casefold()).strip()


def _extract_patterns(value: Any) -> Any:
    if isinstance(value, str):
        return extract_pattern(value)
    if isinstance(value, Mapping):
        return {str(key): _extract_patterns(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_extract_patterns(part) for part in value]
    return "<n>" if isinstance(value, int | float) and not isinstance(value, bool) else value


def _iter_texts(value: Any) -> Iterator[str]:
    """Yield every text in a value, in the order of sorted keys, without id fields."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            if name not in ID_FIELDS:
                yield from _iter_texts(value[name])
    elif isinstance(value, list):
        for part in value:
            yield from _iter_texts(part)
    elif value is not None:
        yield str(value)


def _to_plain_text(value: Any) -> str:
    """Return the words of all texts in a value, lower-case, with single spaces."""
    return " ".join(" ".join(_iter_texts(value)).casefold().split())


ID_FIELDS = ("id", "slot", "uuid")
"""Fields that identify an item and are not part of its content."""
METHODS: dict[str, Callable[[Any], str]] = {
    "exact": to_canonical_json,
    "structural": lambda value: to_canonical_json(_extract_patterns(value)),
    "near": _to_plain_text,
    "semantic": _to_plain_text,
}
"""For each duplicate method, the function that turns an item into the text it compares."""


def build_comparison_text(method: str, item: Mapping[str, Any], fields: Sequence[str]) -> str:
    """Return the text by which `method` compares an item, from `fields`; if that is empty, from all but the ids."""
    names = fields or [name for name in item if name not in ID_FIELDS]
    return METHODS[method]({name: item.get(name) for name in names})


def hash_text(text: str) -> bytes:
    """Return a 16-byte hash of a text."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()

"""What of an item is compared with others: its content, the pattern of its content, or its words. Pure."""

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


def canonical(value: Any) -> str:
    """JSON with sorted keys: two values are the same content when these are the same text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def pattern(text: str) -> str:
    """The text without what varies between uses of one template: numbers, ids, names, case, spacing, punctuation."""
    for found, mark in ((_ADDRESS, " <address> "), (_ID, " <id> "), (_NUMBER, " <n> "), (_NAME, "<name> ")):
        text = found.sub(mark, text)
    return _OTHER.sub(" ", text.casefold()).strip()


def _structural(value: Any) -> Any:
    if isinstance(value, str):
        return pattern(value)
    if isinstance(value, Mapping):
        return {str(key): _structural(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_structural(part) for part in value]
    return "<n>" if isinstance(value, int | float) and not isinstance(value, bool) else value


def _words(value: Any) -> Iterator[str]:
    """Every text in a value, in the order of sorted keys; ids never count."""
    if isinstance(value, Mapping):
        for name in sorted(value):
            if name not in IDS:
                yield from _words(value[name])
    elif isinstance(value, list):
        for part in value:
            yield from _words(part)
    elif value is not None:
        yield str(value)


def _plain(value: Any) -> str:
    """What a reader reads, without case and spacing."""
    return " ".join(" ".join(_words(value)).casefold().split())


IDS = ("id", "slot", "uuid")
"""Fields that tell items apart and say nothing of their content."""
METHODS: dict[str, Callable[[Any], str]] = {
    "exact": canonical,
    "structural": lambda value: canonical(_structural(value)),
    "near": _plain,
    "semantic": _plain,
}
"""What each method compares: a text that says all that counts of an item."""


def text_of(method: str, item: Mapping[str, Any], fields: Sequence[str]) -> str:
    """The text by which a method compares this item; without fields named, the whole item but its ids."""
    names = fields or [name for name in item if name not in IDS]
    return METHODS[method]({name: item.get(name) for name in names})


def key_of(text: str) -> bytes:
    """16 bytes that are the same for the same text."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()

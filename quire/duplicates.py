"""When two items are the same: by content, or by the pattern of their content. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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


METHODS: dict[str, Callable[[Any], str]] = {
    "exact": canonical,
    "structural": lambda value: canonical(_structural(value)),
}
"""Two items are twins under a method when it gives the same text for what is compared of them."""


def key_of(method: str, item: Mapping[str, Any], fields: Sequence[str]) -> str:
    """32 hex digits that are the same for twins."""
    compared = {name: item.get(name) for name in fields}
    return hashlib.blake2b(METHODS[method](compared).encode(), digest_size=16).hexdigest()


def twins(
    candidates: Iterable[tuple[int, str]], accepted: Mapping[int, str], window: int | None
) -> tuple[dict[int, str], dict[int, int]]:
    """Which candidates stay, and which are twins of what.

    `accepted` holds slot number and key of the items that stay already; `candidates` are looked at in slot order,
    so that the answer does not depend on which call came back first. `window` is how many slots apart twins are
    looked for, None everywhere. Returns all that stay, and for each rejected slot the one that has the same.
    """
    stays = dict(accepted)
    holders: dict[str, list[int]] = {}
    for number, key in accepted.items():
        holders.setdefault(key, []).append(number)
    rejected: dict[int, int] = {}
    for number, key in sorted(candidates):
        near = [at for at in holders.get(key, ()) if window is None or abs(at - number) <= window]
        if near:
            rejected[number] = min(near, key=lambda at: abs(at - number))
        else:
            stays[number] = key
            holders.setdefault(key, []).append(number)
    return stays, rejected

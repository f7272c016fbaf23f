"""Small changes to repeated items, so that only some duplicate methods find them."""

import random
import re
from typing import Any


def vary_item(value: Any, kind: str, source: random.Random) -> Any:
    """Return a value with its numbers, one word of each text, or the order of its words changed, as `kind` says."""
    if isinstance(value, dict):
        return {key: part if key == "slot" else vary_item(part, kind, source) for key, part in value.items()}
    if isinstance(value, list):
        return [vary_item(part, kind, source) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and kind == "numbers":
        return source.randint(1, 999_999)
    return _vary_text(value, kind, source) if isinstance(value, str) else value


def _vary_text(text: str, kind: str, source: random.Random) -> str:
    if kind == "numbers":
        return re.sub(r"\d+", lambda _: str(source.randint(1, 999_999)), text)
    words = text.split(" ")
    if kind == "word" and len(words) > 20:  # in a short text, a single word would make a different text
        words[source.randrange(len(words))] = source.choice(("soon", "later", "again", "often"))
    elif kind == "order":
        source.shuffle(words)
    return " ".join(words)

"""Small changes to an item that is the same as others, so that only some methods find it."""

import random
import re
from typing import Any


def twisted(value: Any, kind: str, source: random.Random) -> Any:
    """The value with its numbers, one word of each text, or the order of its words changed."""
    if isinstance(value, dict):
        return {key: part if key == "slot" else twisted(part, kind, source) for key, part in value.items()}
    if isinstance(value, list):
        return [twisted(part, kind, source) for part in value]
    if isinstance(value, int) and not isinstance(value, bool) and kind == "numbers":
        return source.randint(1, 999_999)
    return _text(value, kind, source) if isinstance(value, str) else value


def _text(text: str, kind: str, source: random.Random) -> str:
    if kind == "numbers":
        return re.sub(r"\d+", lambda _: str(source.randint(1, 999_999)), text)
    words = text.split(" ")
    if kind == "word" and len(words) > 20:  # one of many: a short text would become another one
        words[source.randrange(len(words))] = source.choice(("soon", "later", "again", "often"))
    elif kind == "order":
        source.shuffle(words)
    return " ".join(words)

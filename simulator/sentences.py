"""Plausible sentences from a brief and lists of words."""

import random
import re

_VERBS = (
    "open",
    "select",
    "enter",
    "confirm",
    "export",
    "compare",
    "repeat",
    "record",
    "approve",
    "reject",
    "restore",
    "print",
    "search",
    "sort",
    "lock",
)
_THINGS = (
    "result set",
    "calibration curve",
    "sample sequence",
    "audit entry",
    "user session",
    "report page",
    "instrument method",
    "raw data file",
    "electronic signature",
    "peak table",
    "backup archive",
    "project folder",
    "message queue",
    "access profile",
    "status flag",
    "work list",
)
_WAYS = (
    "at once",
    "twice in a row",
    "with the clock changed",
    "from a second station",
    "after a restart",
    "without a warning",
    "in full",
)
_SHAPES = (
    "{Verb} the {thing} for {topic} with value {number} and {verb} it {way}",
    "With {number} records of {topic}, {verb} the {thing} {way}",
    "The {thing} shows {topic} within {number} seconds {way}",
    "{Topic}: {verb} {thing} no. {number}, then {verb2} the {thing2} {way}",
    "Given {number} entries, {topic} keeps its {thing} {way}",
)


def write_sentence(source: random.Random, brief: str, name: str) -> str:
    """Return a sentence for the property `name`; its number of up to six digits makes accidental duplicates rare."""
    words = re.findall(r"[A-Za-z][A-Za-z-]{3,}", re.sub(r"\[[^\]]*\]", " ", brief))
    start = source.randrange(max(1, len(words) - 4)) if words else 0
    topic = " ".join(words[start : start + source.randint(2, 5)]).lower() or "the system"
    verb, verb2, thing, thing2 = (
        source.choice(_VERBS),
        source.choice(_VERBS),
        source.choice(_THINGS),
        source.choice(_THINGS),
    )
    text = source.choice(_SHAPES).format(
        Verb=verb.capitalize(), verb=verb, verb2=verb2, thing=thing, thing2=thing2, way=source.choice(_WAYS),
        topic=topic, Topic=topic.capitalize(), number=source.randint(1, 999_999),
    )  # fmt: skip
    return text if name in ("title", "name", "topic") else f"{text}."

"""Compares the output that a page shows with what was printed, apart from what differs between runs."""

import re
from collections.abc import Sequence

ANYTHING = "..."
"""Stands for any lines if it is a line of its own, and for any characters within a line."""
VARIES = (
    (r"\x1b\[[0-9;?]*[A-Za-z]", ""),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"(https?://[^\s/]+/namespaces/\S+?/workflows/[^\s/]+)/\S+", r"\1/RUN"),
    (r"\b([a-z][a-z0-9]*(?:-[a-z0-9]+)*)-[0-9a-f]{4}\b", r"\1-XXXX"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(\.\d+)?(Z|\+\d\d:\d\d)?", "TIME"),
    (r"\b\d\d?:\d\d(:\d\d)?\b", "TIME"),
    (r"\b\d+(\.\d+)? ?(\w+/)?(ms|µs|s|m|min|h|d|(second|minute|hour|day)s?)\b", "SECONDS"),
    (r"\b(127\.0\.0\.1|localhost):\d+", "ADDRESS"),
    (r"\[\d+\] \d+", "JOB"),
    (r"[─━═╌]{2,}", "─"),
    (r"[ \t]+", " "),
)


def normalize(line: str, *, roughly: bool) -> str:
    """Return a line without what varies; `roughly` also takes one number for another."""
    for pattern, stands in VARIES:
        line = re.sub(pattern, stands, line)
    return (re.sub(r"\d[\d,]*(\.\d+)?", "N", line) if roughly else line).strip()


def is_same_output(expected: Sequence[str], printed: Sequence[str], *, roughly: bool = False) -> bool:
    """Return whether what was printed is what the page shows."""
    pattern = "".join(_to_pattern(line, roughly) for line in _without_trailing_blank(expected))
    text = "".join(normalize(line, roughly=roughly) + "\n" for line in _without_trailing_blank(printed))
    return re.fullmatch(pattern, text) is not None


def _to_pattern(line: str, roughly: bool) -> str:
    if line.strip() == ANYTHING:
        return r"(?:.*\n)*?"
    return ".*".join(re.escape(part) for part in normalize(line, roughly=roughly).split(ANYTHING)) + r"\n"


def _without_trailing_blank(lines: Sequence[str]) -> list[str]:
    """Return the lines without empty ones at the end."""
    result = list(lines)
    while result and not result[-1].strip():
        result.pop()
    return result


def renew_output(expected: Sequence[str], printed: Sequence[str]) -> list[str]:
    """Return what the page should show from now on. If it has one `...`, as many lines before and after it as it had;
    else all lines, for a person to shorten."""
    printed = [line.rstrip() for line in _without_trailing_blank(printed)]
    gaps = [place for place, line in enumerate(expected) if line.strip() == ANYTHING]
    if len(gaps) != 1:
        return list(printed)
    head, tail = gaps[0], len(_without_trailing_blank(expected)) - gaps[-1] - 1
    if head + tail >= len(printed):
        return list(printed)
    return [*printed[:head], ANYTHING, *printed[len(printed) - tail :]]

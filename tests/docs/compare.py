"""What a page shows against what came: the same but for what differs from one run to the next."""

import re
from collections.abc import Sequence

ANYTHING = "..."
"""As a line: any lines. Within a line: any characters."""
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


def plain(line: str, *, roughly: bool) -> str:
    """A line without what varies; `roughly` takes one number for another, too."""
    for pattern, stands in VARIES:
        line = re.sub(pattern, stands, line)
    return (re.sub(r"\d[\d,]*(\.\d+)?", "N", line) if roughly else line).strip()


def agrees(shown: Sequence[str], came: Sequence[str], *, roughly: bool = False) -> bool:
    """Whether what came is what the page shows."""
    wanted = "".join(_pattern(line, roughly) for line in _trimmed(shown))
    found = "".join(plain(line, roughly=roughly) + "\n" for line in _trimmed(came))
    return re.fullmatch(wanted, found) is not None


def _pattern(line: str, roughly: bool) -> str:
    if line.strip() == ANYTHING:
        return r"(?:.*\n)*?"
    return ".*".join(re.escape(part) for part in plain(line, roughly=roughly).split(ANYTHING)) + r"\n"


def _trimmed(lines: Sequence[str]) -> list[str]:
    """Without empty lines at the end."""
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    return kept


def renewed(shown: Sequence[str], came: Sequence[str]) -> list[str]:
    """What the page shall show from now on: as many lines before and after its one `...` as it had;
    all of them where it has none or several, for a person to leave out what need not be there."""
    came = [line.rstrip() for line in _trimmed(came)]
    gaps = [place for place, line in enumerate(shown) if line.strip() == ANYTHING]
    if len(gaps) != 1:
        return list(came)
    head, tail = gaps[0], len(_trimmed(shown)) - gaps[-1] - 1
    if head + tail >= len(came):
        return list(came)
    return [*came[:head], ANYTHING, *came[len(came) - tail :]]

"""Markdown as the Web UI renders it: tables without any padding, links that open a page of the UI, fractions that turn
into others. Measured on UI 2.54."""

import re
from collections.abc import Sequence
from urllib.parse import quote

GAP = "\u00a0\u00a0"
"""The UI's tables have no padding: this keeps their columns apart, there and in a terminal."""
FULL, EMPTY, WIDTH = "█", "░", 12
_SPECIAL = re.compile(r"([\\`*\[\]{}<>#|~^$]|(?<!\w)_|_(?!\w))")


def plain(said: str) -> str:
    """Words of others as they are, in one line: nothing in them is markup."""
    return _SPECIAL.sub(r"\\\1", " ".join(said.splitlines()))


def code(said: str) -> str:
    """An address or a command."""
    return f"`{' '.join(said.split()).replace('`', chr(39))}`"


def unbroken(said: str) -> str:
    """In one line even where the table is narrow."""
    return said.replace(" ", "\u00a0")


def bar(part: int, whole: int, width: int = WIDTH) -> str:
    """How far that is, as a person sees it at a glance; full only where nothing is missing."""
    filled = width * part // whole if whole else 0
    return code(FULL * filled + EMPTY * (width - filled))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> list[str]:
    """A table; `numbers`: all columns but the first are right-aligned."""
    if not rows:
        return []
    rule = ["---", *("---:" if numbers else "---" for _ in heads[1:])]
    return [_row(heads), "|" + "|".join(rule) + "|", *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    first, *others = cells
    return "| " + " | ".join([first, *(f"{GAP}{cell}" if cell else "" for cell in others)]) + " |"


def link(said: str, namespace: str, workflow_id: str) -> str:
    """A link to another run's page, wherever this UI is."""
    return f"[{plain(said)}](namespaces/{quote(namespace, safe='')}/workflows/{quote(workflow_id, safe='')})"


def duration(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 20 min`."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(seconds)} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"

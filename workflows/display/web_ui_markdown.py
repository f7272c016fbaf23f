"""Markdown as Temporal's Web UI renders it, measured on UI 2.54: tables without padding, links that open a page of the
UI, fractions that turn into typographic ones."""

import re
from collections.abc import Sequence
from urllib.parse import quote

GAP = "\u00a0\u00a0"
"""Keeps columns apart, in the UI and in a terminal: the UI's tables have no padding."""
FULL, EMPTY, BAR_WIDTH = "█", "░", 12
_SPECIAL = re.compile(r"([\\`*\[\]{}<>#|~^$&]|(?<!\w)_|_(?!\w))")
_LINE_START = re.compile(r"([-+=]|\d{1,9}(?=[.)]))")
_ADDRESS = re.compile(r"((?:\w+://|www\.|mailto:)\S+|\S+@\S+)", re.IGNORECASE)
"""What GitHub's Markdown makes a link of without being asked; in code font it does not."""


def escape_markdown(text: str) -> str:
    """Return the text in one line, with nothing in it taken for markup or a link, and without control characters."""
    parts = _ADDRESS.split(_replace_unprintable(text))
    escaped = "".join(
        format_code(part) if number % 2 else _SPECIAL.sub(r"\\\1", part) for number, part in enumerate(parts)
    )
    first = _LINE_START.match(escaped)
    if first is None:
        return escaped
    at = first.end() if first[1].isdigit() else 0
    return f"{escaped[:at]}\\{escaped[at:]}"


def _replace_unprintable(text: str) -> str:
    """Return the text in one line; no-break spaces stay, because they are layout of this page."""
    return "".join(
        letter if letter.isprintable() or letter == "\u00a0" else " " if letter.isspace() else "\ufffd"
        for letter in text
    )


def format_code(text: str) -> str:
    """Return an address or a command in code font."""
    return f"`{' '.join(_replace_unprintable(text).split()).replace('`', chr(39)).replace('|', chr(0x2223))}`"


def prevent_wrapping(text: str) -> str:
    """Return the text with spaces at which no line breaks, even in a narrow table."""
    return text.replace(" ", "\u00a0")


def draw_bar(part: int, whole: int, width: int = BAR_WIDTH) -> str:
    """Return a progress bar in code font; it is full only if nothing is missing."""
    filled = width * part // whole if whole else 0
    return format_code(FULL * filled + EMPTY * (width - filled))


def render_table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> list[str]:
    """Return the lines of a table, none if it has no rows. `numbers` right-aligns all columns but the first."""
    if not rows:
        return []
    rule = ["---", *("---:" if numbers else "---" for _ in heads[1:])]
    return [_render_row(heads), "|" + "|".join(rule) + "|", *(_render_row(row) for row in rows)]


def _render_row(cells: Sequence[str]) -> str:
    first, *others = cells
    return "| " + " | ".join([first, *(f"{GAP}{cell}" if cell else "" for cell in others)]) + " |"


def link_to_run(text: str, namespace: str, workflow_id: str) -> str:
    """Return a link to a workflow's page, relative to the UI's address."""
    return f"[{escape_markdown(text)}](namespaces/{quote(namespace, safe='')}/workflows/{quote(workflow_id, safe='')})"

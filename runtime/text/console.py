"""Output of commands: notes go to standard error, results and JSON to standard output."""

import json
import re
import sys
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from runtime.text.terminal import TextConsole
from runtime.text.wording import make_lines_printable, wrap_text

SHOWN_GROUPS = 20
"""Groups that a table of groups lists; the others are counted in its last line."""


def print_note(text: str) -> None:
    """Print text that is not part of the result to standard error, wrapped to the terminal's width if it is one."""
    text = make_lines_printable(text)
    if sys.stderr.isatty():
        text = wrap_text(text, TextConsole(stderr=True).width)
    print(text, file=sys.stderr, flush=True)


def format_json(value: object, indent: int | None = None) -> str:
    """Return a value as JSON, in which characters that could steer a terminal are escaped. Dates become texts."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=str)
    return text if text.isprintable() else re.sub(r"[^\n -~]", _escape_unprintable, text)


def _escape_unprintable(match: re.Match[str]) -> str:
    letter = match[0]
    return letter if letter.isprintable() else json.dumps(letter)[1:-1]


def print_json(value: object) -> None:
    """Print a value as indented JSON, the only output of the command."""
    print(format_json(value, indent=2))


def print_json_line(value: object) -> None:
    """Print a value as JSON in one line, which other lines may follow."""
    print(format_json(value), flush=True)


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table whose columns are the keys of the first row."""
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*map(str, row.values()))
    TextConsole().print(table)

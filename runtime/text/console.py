"""Output of commands: notes go to standard error, results and JSON to standard output."""

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from runtime.text.wording import wrap_text

SHOWN_GROUPS = 20
"""Groups that a table of groups lists; the others are counted in its last line."""


def print_note(text: str) -> None:
    """Print text that is not part of the result to standard error, wrapped to the terminal's width if it is one."""
    if sys.stderr.isatty():
        text = wrap_text(text, Console(stderr=True).width)
    print(text, file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """Print a value as indented JSON, the only output of the command."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_json_line(value: object) -> None:
    """Print a value as JSON in one line, which other lines may follow."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def print_table(rows: Sequence[dict[str, Any]]) -> None:
    """Print rows as a table whose columns are the keys of the first row."""
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(highlight=False).print(table)

"""What a person reads: notes on standard error, results and JSON on standard output."""

import json
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from runtime.text.wording import wrapped

SHOWN_GROUPS = 20


def note(text: str) -> None:
    """A line that is not part of the result."""
    if sys.stderr.isatty():
        text = wrapped(text, Console(stderr=True).width)
    print(text, file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """JSON and nothing else."""
    print(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def print_line(value: object) -> None:
    """JSON in one line, which another may follow."""
    print(json.dumps(value, ensure_ascii=False, default=str), flush=True)


def rows(found: list[dict[str, Any]], *, empty: str) -> None:
    """A plain table."""
    if not found:
        print(empty)
        return
    shown = Table(*found[0])
    for row in found:
        shown.add_row(*map(str, row.values()))
    Console(highlight=False).print(shown)

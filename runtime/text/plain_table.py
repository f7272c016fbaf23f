"""Tables without lines that programs can read, too: outside a terminal they are as wide as their content."""

import sys
from io import StringIO

from rich.table import Table

from runtime.text.terminal import TextConsole

UNLIMITED_WIDTH = 1000
"""Columns of a table that does not go to a terminal."""


def create_plain_table(*, header: bool = True) -> Table:
    """Return an empty table without lines, whose columns are two spaces apart."""
    return Table(box=None, show_header=header, pad_edge=False, padding=(0, 2, 0, 0))


def print_plain_table(table: Table) -> None:
    """Print a table: fitted to a terminal, else in full width without trailing spaces."""
    if sys.stdout.isatty():
        TextConsole().print(table)
        return
    buffer = StringIO()
    TextConsole(width=UNLIMITED_WIDTH, file=buffer).print(table)
    print("\n".join(line.rstrip() for line in buffer.getvalue().splitlines()))

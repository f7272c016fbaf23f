"""Tables without lines, which programs can read as well: as wide as they need to be where no terminal shows them."""

import sys
from io import StringIO

from rich.console import Console
from rich.table import Table

WIDE = 1000


def columns(*, header: bool = True) -> Table:
    """An empty table."""
    return Table(box=None, show_header=header, pad_edge=False, padding=(0, 2, 0, 0))


def put(table: Table) -> None:
    """Print it."""
    if sys.stdout.isatty():
        Console(highlight=False).print(table)
        return
    told = StringIO()
    Console(highlight=False, width=WIDE, file=told).print(table)
    print("\n".join(line.rstrip() for line in told.getvalue().splitlines()))

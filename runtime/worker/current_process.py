"""The process that this code runs in: how much freed memory it keeps, and how it ends."""

import logging
import os
import sys
from contextlib import suppress
from typing import NoReturn

M_ARENA_MAX = -8
"""The parameter's number in glibc's malloc.h."""
MAX_ARENAS = 2


def limit_malloc_arenas() -> None:
    """Let glibc use two memory arenas instead of eight per core; do nothing with another C library.

    Each arena keeps the memory that its threads have freed, which is a sixth of the memory of a worker that generates
    100,000 items.
    """
    if sys.platform == "linux":
        import ctypes  # the command line does without it

        with suppress(AttributeError, OSError):
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, MAX_ARENAS)


def exit_now(code: int) -> NoReturn:
    """End the process at once, with all output written.

    The SDK's threads may still run while the interpreter shuts down, which then aborts with -6: sdk-python#300.
    Everything that must be closed has been closed inside the event loop.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)

"""The end of a process that has used the Temporal client."""

import logging
import os
import sys
from contextlib import suppress
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """Exit at once with all output written. The SDK's threads may still run while the interpreter tears itself down,
    and then it aborts with -6: sdk-python#300. Whatever must be closed has been, inside the event loop."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)

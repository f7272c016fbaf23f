"""Settings of the local stack; nothing else is configured by us."""

import os
from pathlib import Path

from runtime.errors import SetupError

TASK_QUEUE = "quire"


def home() -> Path:
    """Where the embedded server keeps its database, log and pid: QUIRE_HOME, default `.quire`."""
    return Path(os.environ.get("QUIRE_HOME") or ".quire").expanduser().absolute()


def port() -> int:
    """The embedded server's port: QUIRE_PORT, default 7233; the Web UI is at that plus 1000."""
    said = os.environ.get("QUIRE_PORT") or "7233"
    if not said.isdecimal() or not 1 <= int(said) <= 64535:
        raise SetupError(f"QUIRE_PORT is '{said}'; it must be a port from 1 to 64535 (the Web UI takes that plus 1000)")
    return int(said)

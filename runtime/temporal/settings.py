"""Settings of the local stack. Everything else is configured as for Temporal's own CLI."""

import os
from pathlib import Path

from activities.model.environment import ModelEnvironment
from runtime.errors import SetupError

TASK_QUEUE = "quire"


def get_server_home() -> Path:
    """Return the folder of the embedded server's database, log and pid: QUIRE_HOME, default `.quire`."""
    return Path(os.environ.get("QUIRE_HOME") or ".quire").expanduser().absolute()


def read_model_environment() -> ModelEnvironment:
    """Return what this process knows of endpoints, with the hosts that a person allowed at a terminal."""
    return ModelEnvironment(hosts_file=get_server_home() / "allowed-hosts")


def get_server_port() -> int:
    """Return the embedded server's port: QUIRE_PORT, default 7233. The Web UI has the port 1000 above.

    Raises SetupError for a value that is not a port.
    """
    text = os.environ.get("QUIRE_PORT") or "7233"
    if not text.isdecimal() or not 1 <= int(text) <= 64535:
        raise SetupError(f"QUIRE_PORT is '{text}'; it must be a port from 1 to 64535 (the Web UI has that plus 1000)")
    return int(text)

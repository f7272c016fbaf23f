"""Who listens at a port of this machine: asked before a server is started or waited for there."""

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

_LISTENING = "0A"
_PATIENCE = 1.0
"""Seconds within which the own machine accepts a connection, if anybody listens."""


def is_listening(host: str, port: int) -> bool:
    """Return True if a program accepts connections at a port, whether it answers or not."""
    with suppress(OSError), closing(socket.create_connection((host, port), _PATIENCE)):
        return True
    return not can_bind(host, port)  # it listens, and its queue of connections is full


def can_bind(host: str, port: int) -> bool:
    """Return True if a server could listen at a port now."""
    with closing(socket.socket()) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: ended connections do not count
        try:
            trial.bind((host, port))
            trial.listen()
        except OSError:
            return False
    return True


def describe_port_holder(port: int) -> str:
    """Return who listens at a port, for a message: `process 123 (nginx)`; `another program` if it cannot be seen."""
    with suppress(OSError):
        inodes = set(_list_listening_inodes(port))
        for process in Path("/proc").iterdir():
            if process.name.isdecimal() and _holds_socket(process, inodes):
                return f"process {process.name} ({_read_name(process)})"
    return "another program"


def _list_listening_inodes(port: int) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
                fields = row.split()
                if fields[3] == _LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _holds_socket(process: Path, inodes: set[str]) -> bool:
    with suppress(OSError):  # a process of somebody else, or one that has just ended
        return any(str(link.readlink())[8:-1] in inodes for link in (process / "fd").iterdir())  # socket:[INODE]
    return False


def _read_name(process: Path) -> str:
    with suppress(OSError):
        return (process / "comm").read_text().strip()
    return "unknown"

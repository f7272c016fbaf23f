"""One server for each home: a lock that the server itself holds for as long as it lives, and a note of where it is.

The lock is of the operating system. The process that starts the server takes it and hands its open file to the server,
so that it ends with the server, however that ends, and with nothing else.
"""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

LOCK, PID, PORT = "lock", "temporal.pid", "temporal.port"


@dataclass(frozen=True)
class ServerNote:
    """Where the server of a home is."""

    pid: int
    port: int


def take_lock(home: Path) -> int | None:
    """Return the open file that holds the lock of a home; None if its server has it, or who starts it."""
    file = os.open(home / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    except BaseException:
        os.close(file)
        raise
    return file


def is_locked(home: Path) -> bool:
    """Return True if the server of this home lives, or is being started."""
    try:
        file = os.open(home / LOCK, os.O_RDWR)
    except OSError:
        return False
    try:  # a shared lock: two processes that ask at the same time do not see each other
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def find_server(home: Path) -> ServerNote | None:
    """Return where the living server of a home is; None if there is none, or it is only being started."""
    return read_note(home) if is_locked(home) else None


def read_note(home: Path) -> ServerNote | None:
    """Return what was noted of the last server of a home; None if nothing was, or it was removed."""
    with suppress(OSError, ValueError):
        return ServerNote(pid=int((home / PID).read_text()), port=int((home / PORT).read_text()))
    return None


def write_note(home: Path, note: ServerNote) -> None:
    """Note where the server of a home is. Only the owner can read it."""
    for name, number in ((PORT, note.port), (PID, note.pid)):
        with open(os.open(home / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(str(number))


def remove_note(home: Path) -> None:
    """Forget where the server of a home was. Only the holder of the lock may do so."""
    for name in (PID, PORT):
        (home / name).unlink(missing_ok=True)

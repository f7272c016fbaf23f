"""Small files of a folder: read in one piece, and put there whole or not at all.

Their paths are plain strings: a `Path` takes as long to make as the file to read, and keeps its name for ever.
"""

import itertools
import os
import secrets
from contextlib import suppress

_NAMES = itertools.count(secrets.randbits(48))
"""Beside those of other processes: a new random number for each would be two system calls."""


def read(path: str) -> bytes:
    """All of a file. Raises OSError."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        size = os.fstat(file).st_size
        data = os.read(file, size)
        while len(data) < size and (more := os.read(file, size - len(data))):
            data += more
        return data
    finally:
        os.close(file)


def created(path: str, data: bytes) -> bool:
    """Write a new file; False where there is one already. Raises OSError."""
    aside = f"{path}#{next(_NAMES)}"  # obstore takes such a name for a file that is begun
    try:
        try:
            _write(aside, data)
        except FileNotFoundError:  # the first of its folder
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _write(aside, data)
        try:
            os.link(aside, path)  # unlike a rename it does not replace
        except FileExistsError:
            return False
        return True
    finally:
        with suppress(OSError):
            os.unlink(aside)


def _write(path: str, data: bytes) -> None:
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o666)
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
    finally:
        os.close(file)

"""A small file in a folder, put there whole or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path


def created(path: Path, data: bytes) -> bool:
    """Write a new file; False where there is one already. Raises OSError."""
    aside = path.with_name(f"{path.name}#{secrets.randbits(48)}")  # obstore takes such a name for a file that is begun
    try:
        _write(aside, data)
        try:
            os.link(aside, path)  # unlike a rename it does not replace
        except FileExistsError:
            return False
        return True
    finally:
        with suppress(OSError):
            aside.unlink()


def _write(path: Path, data: bytes) -> None:
    try:
        file = path.open("xb", buffering=0)
    except FileNotFoundError:  # the first of its folder
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("xb", buffering=0)
    with file:
        left = memoryview(data)
        while left:
            left = left[file.write(left) :]

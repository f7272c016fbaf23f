"""The ids of runs: names of folders, words of a command line, and parts of addresses."""

import re

MAX_LENGTH = 200
_ALLOWED = re.compile(r"\w[\w .~-]*")
ALLOWED = (
    f"an id has up to {MAX_LENGTH} letters, digits, `_`, `-`, `.`, `~` and spaces, and begins with a letter or a digit"
)


def find_id_fault(id: str) -> str:
    """Return what is wrong with the id of a new run, in words, and what is allowed; an empty text if nothing is."""
    if not id.strip():
        return f"the id is empty, as from a shell variable that is not set; {ALLOWED}"
    if len(id) > MAX_LENGTH or not _ALLOWED.fullmatch(id):
        return f"{id[:60]!r} is not a valid id; {ALLOWED}"
    return ""


def check_id(id: str) -> str:
    """Return the id. Raises ValueError if it is not one."""
    if fault := find_id_fault(id):
        raise ValueError(fault)
    return id

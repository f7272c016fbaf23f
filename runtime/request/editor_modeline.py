"""The comment by which editors find the schema of a request, and with it complete and check one."""

import os
from pathlib import Path

from runtime.paths import ROOT

MARK = "# yaml-language-server:"
SCHEMA = ROOT / "examples" / "request.schema.json"
"""What `starter.py schema` says, in the repository."""


def modeline(file: Path, schema: Path = SCHEMA) -> str:
    """The first line of a request that is written to `file`."""
    return f"{MARK} $schema={named(schema, file.absolute().parent)}"


def named(path: Path, folder: Path) -> str:
    """A path as a file in that folder has it: relative where both are in this repository or both in the current
    folder, so that they may be moved together."""
    whole = Path(os.path.abspath(path))
    together = any(whole.is_relative_to(home) and folder.is_relative_to(home) for home in (ROOT, Path.cwd()))
    if not together:
        return whole.as_posix()
    said = Path(os.path.relpath(whole, folder)).as_posix()
    return said if "/" in said else f"./{said}"


def with_modeline(text: str, file: Path) -> str:
    """A request's text as it is written to `file`; one that has a modeline gets another."""
    first, _, rest = text.partition("\n")
    return f"{modeline(file)}\n{rest if first.startswith(MARK) else text}"

"""The comment in a request file by which editors find its schema, to complete and check the request."""

import os
from pathlib import Path

from runtime.paths import EXAMPLES, ROOT

MARK = "# yaml-language-server:"
SCHEMA = EXAMPLES / "request.schema.json"
"""The output of `starter.py schema`, as it is stored in the repository."""


def build_modeline(file: Path, schema: Path = SCHEMA) -> str:
    """Return the first line of a request that is written to `file`."""
    return f"{MARK} $schema={to_path_in_folder(schema, file.absolute().parent)}"


def to_path_in_folder(path: Path, folder: Path) -> str:
    """Return a path as it is written in a file of `folder`.

    It is relative if both are in this repository, or both below the current folder, so that they can be moved together.
    """
    absolute = Path(os.path.abspath(path))
    homes = (ROOT, Path.cwd())
    if not any(absolute.is_relative_to(home) and folder.is_relative_to(home) for home in homes):
        return absolute.as_posix()
    relative = Path(os.path.relpath(absolute, folder)).as_posix()
    return relative if "/" in relative else f"./{relative}"


def with_modeline(text: str, file: Path) -> str:
    """Return the text of a request as it is written to `file`, with the modeline for that file."""
    first, _, remainder = text.partition("\n")
    return f"{build_modeline(file)}\n{remainder if first.startswith(MARK) else text}"

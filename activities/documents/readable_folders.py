"""The folders whose files a request may name: one that somebody else wrote must not read every file of its reader."""

import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from recipes.base.recipe import InputError

ALLOW_PATHS = "QUIRE_ALLOW_PATHS"
"""The variable that lists further folders, separated as in PATH."""


@dataclass(frozen=True)
class ReadableFolders:
    """Folders with all that is below them. Links count as what they lead to."""

    folders: tuple[Path, ...]
    exempt: Collection[str] = ()
    """Fields that the person has set on the command line, whose files are theirs to choose."""

    def may_read(self, path: Path) -> bool:
        """Return whether a file, whether it exists or not, is in these folders."""
        return any(path.resolve().is_relative_to(folder) for folder in self.folders)

    def require(self, path: Path, field: str) -> None:
        """Raise InputError for `field` if a file, whether it exists or not, is outside these folders."""
        if any(field == name or field.startswith(f"{name}.") or name.startswith(f"{field}.") for name in self.exempt):
            return
        if not self.may_read(path):
            real = path.resolve()
            raise InputError(
                field,
                f"{real} is outside the request's folder; if the request may read it, add --allow-path {real.parent}, "
                f"or set {ALLOW_PATHS}",
            )


def list_readable_folders(base: Path, more: Iterable[Path] = (), exempt: Collection[str] = ()) -> ReadableFolders:
    """Return the request's own folder `base`, `more` folders, and those of QUIRE_ALLOW_PATHS."""
    variable = [Path(name).expanduser() for name in os.environ.get(ALLOW_PATHS, "").split(os.pathsep) if name]
    return ReadableFolders(tuple(folder.resolve() for folder in (base, *more, *variable)), exempt)

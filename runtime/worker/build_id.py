"""The build id of a worker, which Temporal records with every workflow task."""

import hashlib
from pathlib import Path

from runtime.paths import ROOT

HASHED_FOLDERS = ("workflows", "activities", "recipes", "quire")


def list_source_files() -> list[Path]:
    """Return our own Python files below the hashed folders, in a fixed order."""
    return sorted(file for folder in HASHED_FOLDERS for file in (ROOT / folder).rglob("*.py"))


def compute_build_id() -> str:
    """Return a digest of the contents and relative paths of our own Python files.

    The SDK's default hashes every loaded module, which takes a second.
    """
    digest = hashlib.sha256()
    for file in list_source_files():
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]

"""Which code a worker runs, as Temporal keeps it with every workflow task."""

import hashlib

from runtime.paths import ROOT

CODE = ("workflows", "activities", "recipes", "quire")


def build_id() -> str:
    """A digest of our own code. The SDK's default is one of every module that is loaded, which takes it a second."""
    digest = hashlib.sha256()
    for file in sorted(file for folder in CODE for file in (ROOT / folder).rglob("*.py")):
        digest.update(file.relative_to(ROOT).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]

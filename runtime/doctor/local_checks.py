"""What `doctor` looks at on this machine: Python, packages, the store."""

import re
import secrets
import shutil
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from obstore.exceptions import BaseError

from activities.store.object_store import Store, StoreError
from runtime.doctor.finding import Remark, public
from runtime.paths import ROOT

FULL = 1 << 30
"""Bytes that should be free."""
_NEEDED = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*])?(?P<bounds>[^;]*)(?P<where>;.*)?")


async def python() -> list[Remark]:
    """Whether this Python is one that pyproject.toml allows."""
    said = ".".join(map(str, sys.version_info[:3]))
    least = str(_project()["requires-python"])
    if _fits(said, least):
        return [Remark("Python", "ok", f"{said}, {sys.executable}")]
    return [Remark("Python", "wrong", f"{said} is too old, {least} is needed", "uv python install 3.11 && uv sync")]


async def packages() -> list[Remark]:
    """Whether all that pyproject.toml asks for is installed, in a version that it allows."""
    needed = [_NEEDED.fullmatch(one) for one in _project()["dependencies"]]
    here = [one for one in needed if one and not (one["where"] and sys.platform == "win32")]
    wrong: list[str] = []
    for one in here:
        try:
            found = version(one["name"])
        except PackageNotFoundError:
            wrong.append(f"{one['name']} is missing")
            continue
        if not _fits(found, one["bounds"]):
            wrong.append(f"{one['name']} is {found}, not {one['bounds'].strip()}")
    if wrong:
        return [Remark("packages", "wrong", "; ".join(wrong), "uv sync")]
    return [Remark("packages", "ok", f"all {len(here)} are there, temporalio {version('temporalio')}")]


def _project() -> dict[str, list[str]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _fits(found: str, bounds: str) -> bool:
    """Whether a version is within bounds such as `>=1.35,<1.36`, the only ones that we use."""
    for bound in filter(None, (part.strip() for part in bounds.split(","))):
        least = bound.startswith(">=")
        if (_numbers(found) >= _numbers(bound.lstrip("<>="))) != least:
            return False
    return True


def _numbers(said: str) -> list[int]:
    numbers = [int(part) for part in re.findall(r"\d+", said.partition("+")[0])][:3]
    return numbers + [0] * (3 - len(numbers))


async def store(root: str, where: str) -> list[Remark]:
    """Whether a file can be written there, and is not replaced by one that is to be written once. It is removed."""
    what, shown = "store", public(root)
    made = [] if "://" in root else _missing(Path(root).absolute())
    try:
        files = Store(root, f"quire-doctor-{secrets.token_hex(4)}")
        first = await files.put_once("inputs/one", b"first")
        second = await files.put_once("inputs/one", b"second")
        kept = await files.get("inputs/one")
        await files.remove("inputs/")
    except (StoreError, BaseError, OSError, ValueError) as error:
        said = str(error).splitlines()[0][:200]
        mend = "chmod u+w it, or name another one: output.store in the request, --store here"
        if "://" in root:
            mend = "set the bucket's variables, such as AWS_ACCESS_KEY_ID and AWS_REGION, or name another store"
        return [Remark(what, "wrong", f"{shown} ({where}) cannot be written: {public(said)}", mend)]
    finally:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)
    if (first, second, kept) != (b"first", b"first", b"first"):
        said = f"{shown} ({where}) replaces files that are to be written once: it has no put-if-absent"
        return [Remark(what, "wrong", said, "use a store that has it: a folder, S3, GCS, Azure, recent MinIO")]
    return [Remark(what, "ok", f"{shown} ({where}), writable, put-if-absent works"), *_room(root)]


def _missing(path: Path) -> list[Path]:
    """The highest folder on the way there that is not there yet, if any."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    return missing[-1:]


def _room(root: str) -> list[Remark]:
    if "://" in root:
        return []
    there = next(folder for folder in (Path(root).absolute(), *Path(root).absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    return [] if free > FULL else [Remark("disk", "note", f"only {free >> 20} MB are free at {there}")]

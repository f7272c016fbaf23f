"""Checks of `doctor` on this machine: Python, packages, the store."""

import re
import secrets
import shutil
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from obstore.exceptions import BaseError

from activities.store.object_store import Store, StoreError
from runtime.doctor.finding import Finding, hide_credentials
from runtime.paths import ROOT

FREE_BYTES = 1 << 30
"""Bytes that should be free on the disk of the store."""
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*])?(?P<bounds>[^;]*)(?P<marker>;.*)?")


async def check_python() -> list[Finding]:
    """Check that this Python is one that pyproject.toml allows."""
    current = ".".join(map(str, sys.version_info[:3]))
    minimum = str(_read_project()["requires-python"])
    if _is_within_bounds(current, minimum):
        return [Finding("Python", "ok", f"{current}, {sys.executable}")]
    message = f"{current} is too old, {minimum} is needed"
    return [Finding("Python", "wrong", message, "uv python install 3.11 && uv sync")]


async def check_packages() -> list[Finding]:
    """Check that every package that pyproject.toml requires is installed, in a version that it allows."""
    requirements = [_REQUIREMENT.fullmatch(line) for line in _read_project()["dependencies"]]
    # a marker is only used to leave a package out on Windows
    needed = [match for match in requirements if match and not (match["marker"] and sys.platform == "win32")]
    problems: list[str] = []
    for requirement in needed:
        name, bounds = requirement["name"], requirement["bounds"]
        try:
            installed = version(name)
        except PackageNotFoundError:
            problems.append(f"{name} is missing")
            continue
        if not _is_within_bounds(installed, bounds):
            problems.append(f"{name} is {installed}, not {bounds.strip()}")
    if problems:
        return [Finding("packages", "wrong", "; ".join(problems), "uv sync")]
    return [Finding("packages", "ok", f"all {len(needed)} are installed, temporalio {version('temporalio')}")]


def _read_project() -> dict[str, list[str]]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def _is_within_bounds(installed: str, bounds: str) -> bool:
    """Return True if a version is within bounds such as `>=1.35,<1.36`; `>=` and `<` are the only ones we use."""
    for bound in filter(None, (part.strip() for part in bounds.split(","))):
        is_minimum = bound.startswith(">=")
        if (_parse_version(installed) >= _parse_version(bound.lstrip("<>="))) != is_minimum:
            return False
    return True


def _parse_version(text: str) -> list[int]:
    numbers = [int(part) for part in re.findall(r"\d+", text.partition("+")[0])][:3]
    return numbers + [0] * (3 - len(numbers))


async def check_store(root: str, origin: str) -> list[Finding]:
    """Check that a file can be written into the store and that a second write does not replace it. `origin` says what
    named the store. The file, and folders created for it, are removed."""
    subject, label = "store", f"{hide_credentials(root)} ({origin})"
    created = [] if "://" in root else _highest_missing_folder(Path(root).absolute())
    try:
        store = Store(root, f"quire-doctor-{secrets.token_hex(4)}")
        first = await store.put_once("inputs/one", b"first")
        second = await store.put_once("inputs/one", b"second")
        stored = await store.get("inputs/one")
        await store.delete("inputs/")
    except (StoreError, BaseError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0][:200]
        fix = "chmod u+w it, or choose another store: output.store in the request, --store here"
        if "://" in root:
            fix = "set the bucket's variables, such as AWS_ACCESS_KEY_ID and AWS_REGION, or choose another store"
        return [Finding(subject, "wrong", f"{label} cannot be written: {hide_credentials(reason)}", fix)]
    finally:
        for folder in created:
            shutil.rmtree(folder, ignore_errors=True)
    if (first, second, stored) != (b"first", b"first", b"first"):
        message = f"{label} replaces files that must be written only once: it has no put-if-absent"
        return [Finding(subject, "wrong", message, "use a store that has it: a folder, S3, GCS, Azure, recent MinIO")]
    return [Finding(subject, "ok", f"{label}, writable, put-if-absent works"), *_check_disk(root)]


def _highest_missing_folder(path: Path) -> list[Path]:
    """Return the highest folder on a path that does not exist yet, or nothing."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    return missing[-1:]


def _check_disk(root: str) -> list[Finding]:
    if "://" in root:
        return []
    path = Path(root).absolute()
    folder = next(folder for folder in (path, *path.parents) if folder.exists())
    free = shutil.disk_usage(folder).free
    return [] if free > FREE_BYTES else [Finding("disk", "note", f"only {free >> 20:,} MB are free at {folder}")]

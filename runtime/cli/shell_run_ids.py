"""The ids there are, for the shell: asked of the server by Temporal's own CLI, which takes a twentieth of a second
where the SDK takes one. No server is started, and what goes wrong is left unsaid: the person is typing."""

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

MOST = 200
SECONDS = 1.5


def known_ids(begun: str) -> list[tuple[str, str]]:
    """Ids that begin so, the run started last first, each with how far it is; and `last`, which means that one."""
    query = "WorkflowType='GenerateArtifact'"
    if begun and not set(begun) & set("'\\"):
        query += f" AND WorkflowId STARTS_WITH '{begun}'"
    found = _runs(query)
    rows = list({run["execution"]["workflowId"]: _told(run) for run in found}.items())
    if "last".startswith(begun) and (newest := found if not begun else _runs("WorkflowType='GenerateArtifact'")):
        rows.append(("last", f"the one started last: {newest[-1]['execution']['workflowId']}"))
    return rows[::-1]


def _runs(query: str) -> list[dict[str, Any]]:
    """The one started last comes last."""
    said = _asked("workflow", "list", "--query", query, "--limit", str(MOST), "--output", "json", *_address())
    try:
        return sorted(json.loads(said or "[]"), key=lambda run: str(run["startTime"]))
    except (ValueError, KeyError, TypeError):
        return []


def _told(run: dict[str, Any]) -> str:
    attributes = (run.get("searchAttributes") or {}).get("indexedFields") or {}
    said = [_plain(attributes.get(name)) for name in ("QuireProgress", "QuireVerdict")]
    status = str(run.get("status", "")).removeprefix("WORKFLOW_EXECUTION_STATUS_").lower()
    return " ".join(filter(None, said)) or status


def _plain(value: Any) -> str:
    """A search attribute, which comes as a payload."""
    try:
        return str(json.loads(b64decode(value["data"])))
    except (KeyError, TypeError, ValueError):
        return ""


def _address() -> Sequence[str]:
    """Where the CLI goes by itself if an address is configured, else where the embedded server is."""
    if os.environ.get("TEMPORAL_ADDRESS") or _asked("config", "get", "--prop", "address", "--output", "json"):
        return ()
    return ("--address", f"127.0.0.1:{os.environ.get('QUIRE_PORT') or 7233}")


def _asked(*words: str) -> str:
    """What the CLI answers; nothing where it cannot."""
    beside = Path(sys.executable).with_name("temporal")
    command = str(beside) if beside.exists() else shutil.which("temporal")
    if command is None:
        return ""
    try:
        ended = subprocess.run(
            [command, *words, "--command-timeout", f"{SECONDS}s"],
            capture_output=True,
            text=True,
            timeout=SECONDS + 0.5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout if ended.returncode == 0 else ""

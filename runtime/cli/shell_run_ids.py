"""Completions of a run's id. They are asked of the server by Temporal's own CLI, which takes a twentieth of a second,
the SDK's import a whole one. No server is started, and errors are not shown: the person is typing."""

import json
import os
import shutil
import subprocess
import sys
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

LISTED_RUNS = 200
"""Runs that are asked for."""
CLI_TIMEOUT = 1.5
"""Seconds that an answer may take."""


def complete_run_id(typed: str) -> list[tuple[str, str]]:
    """Return the ids that begin with `typed`, the latest run first, each with its progress, and `last`, which names the
    latest run."""
    from quire.contracts import RUN_WORKFLOW  # a tenth of a second, which only the completion of an id has to wait

    query = f"WorkflowType='{RUN_WORKFLOW}'"
    if typed and not set(typed) & set("'\\"):
        runs = _list_executions(query + f" AND WorkflowId STARTS_WITH '{typed}'")
    else:
        runs = _list_executions(query)
    rows = list({run["execution"]["workflowId"]: _describe_progress(run) for run in runs}.items())
    if "last".startswith(typed) and (latest := runs if not typed else _list_executions(query)):
        rows.append(("last", f"the latest run: {latest[-1]['execution']['workflowId']}"))
    return rows[::-1]


def _list_executions(query: str) -> list[dict[str, Any]]:
    """Return executions as the CLI prints them, the latest last."""
    output = _run_cli(
        "workflow", "list", "--query", query, "--limit", str(LISTED_RUNS), "--output", "json", *_address_options()
    )
    try:
        return sorted(json.loads(output or "[]"), key=lambda run: str(run["startTime"]))
    except (ValueError, KeyError, TypeError):
        return []


def _describe_progress(run: dict[str, Any]) -> str:
    attributes = (run.get("searchAttributes") or {}).get("indexedFields") or {}
    values = [_decode_attribute(attributes.get(name)) for name in ("QuireProgress", "QuireVerdict")]
    status = str(run.get("status", "")).removeprefix("WORKFLOW_EXECUTION_STATUS_").lower()
    return " ".join(filter(None, values)) or status


def _decode_attribute(payload: Any) -> str:
    """Return the value in a search attribute's payload, or an empty text."""
    try:
        return str(json.loads(b64decode(payload["data"])))
    except (KeyError, TypeError, ValueError):
        return ""


def _address_options() -> Sequence[str]:
    """Return the options that lead the CLI to the embedded server; none if another address is configured."""
    if os.environ.get("TEMPORAL_ADDRESS") or _run_cli("config", "get", "--prop", "address", "--output", "json"):
        return ()
    return ("--address", f"127.0.0.1:{os.environ.get('QUIRE_PORT') or 7233}")


def _run_cli(*words: str) -> str:
    """Return what the Temporal CLI prints, or an empty text if it fails or does not answer in time."""
    installed = Path(sys.executable).with_name("temporal")
    program = str(installed) if installed.exists() else shutil.which("temporal")
    if program is None:
        return ""
    try:
        ended = subprocess.run(
            [program, *words, "--command-timeout", f"{CLI_TIMEOUT}s"],
            capture_output=True,
            text=True,
            timeout=CLI_TIMEOUT + 0.5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout if ended.returncode == 0 else ""

"""Quire from Python: one call that returns the finished artifact."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from activities.store.object_store import Store
from quire.progress import Result
from quire.request import Request
from runtime.request import request_file
from runtime.request.preflight import check_keys, check_mlflow
from runtime.request.store_probe import probe_store
from runtime.session.run_session import begin_run
from runtime.temporal import run_priority
from runtime.temporal.connection import open_connection
from runtime.temporal.runs import create_run_id, fetch_outcome, find_run, is_live, validate_new_id
from runtime.worker.host import host_worker

Artifact = dict[str, Any]
"""The content of `artifact.json`: `metadata`, the items under the recipe's noun, and the recipe's sections."""


class GenerationFailed(Exception):
    """A run that produced no artifact. `result` is None if the run failed before it had one."""

    def __init__(self, message: str, result: Result | None = None) -> None:
        super().__init__(message)
        self.result = result


async def generate(
    request: Mapping[str, Any] | Request | str | Path,
    *,
    id: str | None = None,
    base: str | Path | None = None,
    priority: int | None = None,
) -> Artifact:
    """Generate an artifact and return it, complete or partial: `artifact["metadata"]["verdict"]` says which.

    `request` is the content of a request file, or the path of one. Paths in it are relative to the file, else to
    `base`, else to the current folder. With the `id` of an existing run, that run is continued, or its artifact is
    returned. `priority` is 1, the highest, to 5; a run without one has 3. A worker runs in this process for the length
    of the call. The server is the one that the environment names, else the embedded one.

    Raises SetupError for an invalid request, before anything is paid for, and GenerationFailed if nothing was
    generated.
    """
    run_priority.validate_priority(priority)
    if isinstance(request, str | Path):
        checked = request_file.load_request(Path(request))
    else:
        fields = request.model_dump(mode="json") if isinstance(request, Request) else request
        checked = request_file.check_mapping(fields, Path(base) if base else None)
    checked = request_file.with_json_format(checked)
    async with open_connection(start_embedded=True) as connection:
        name = create_run_id(checked.request, Path(checked.request.recipe)) if id is None else validate_new_id(id)
        handle = await find_run(connection.client, name)
        if handle is None:
            await probe_store(checked.request.output.store)
            await check_keys(checked.plan.request)
            await check_mlflow(checked.plan.request)
        elif await is_live(handle):
            await run_priority.change_priority(connection.client, name, priority)
        async with host_worker(connection.client):
            handle = handle or (await begin_run(connection, name, checked, priority)).handle
            result, failure = await fetch_outcome(handle)
    if result is None or result.artifact is None:
        reasons = [slot.reason for slot in result.failed_slots] if result else []
        raise GenerationFailed(f"run {name}: {failure.message if failure else '; '.join(reasons)}", result)
    data = await Store(checked.request.output.store, name).get("artifact.json")
    if data is None:
        raise GenerationFailed(f"run {name} wrote no artifact.json", result)
    return json.loads(data)

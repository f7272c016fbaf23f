"""Quire from Python: one call, the finished artifact back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from activities.store.object_store import Store
from quire.progress import Result
from quire.request import Request
from runtime.request import request_file
from runtime.request.preflight import keys_are_accepted, mlflow_answers
from runtime.session.run_session import begin
from runtime.temporal import run_priority
from runtime.temporal.connection import connected
from runtime.temporal.runs import find, is_live, new_id, outcome_of
from runtime.worker.host import hosted

Artifact = dict[str, Any]
"""What `artifact.json` holds: `metadata`, the items under the recipe's noun, and its sections."""


class GenerationFailed(Exception):
    """A run that made nothing. `result` is None where it failed before there was one."""

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
    """Make an artifact and return it; the batching does not show.

    `request` is what a request file holds, or that file's path. Paths in it are relative to the file, else to `base`,
    else to the current folder. The same `id` again goes on with that run, or gives its artifact. `priority` is 1, which
    goes first, to 5; a run without one has 3. A worker runs in this process for as long as the call takes; the server
    is the one that the environment names, else the embedded one.

    Returns the artifact, complete or partial: `artifact["metadata"]["verdict"]` tells. Raises SetupError for a request
    that is wrong, before anything is paid for, and GenerationFailed where nothing was made.
    """
    run_priority.checked(priority)
    if isinstance(request, str | Path):
        laid = request_file.load(Path(request))
    else:
        said = request.model_dump(mode="json") if isinstance(request, Request) else request
        laid = request_file.checked(said, Path(base) if base else None)
    laid = request_file.with_json(laid)
    async with connected(start_embedded=True) as connection:
        name = id or new_id(laid.request, Path(laid.request.recipe))
        known = await find(connection.client, name)
        if known is None:
            await keys_are_accepted(laid.plan.request)
            await mlflow_answers(laid.plan.request)
        elif await is_live(known):
            await run_priority.change(connection.client, name, priority)
        async with hosted(connection.client):
            handle = known or await begin(connection, name, laid, priority)
            result, failure = await outcome_of(handle)
    if result is None or result.artifact is None:
        reason = failure[0] if failure else "; ".join(slot.reason for slot in (result.failed_slots if result else []))
        raise GenerationFailed(f"run {name}: {reason}", result)
    written = await Store(laid.request.output.store, name).get("artifact.json")
    if written is None:
        raise GenerationFailed(f"run {name} wrote no artifact.json", result)
    return json.loads(written)

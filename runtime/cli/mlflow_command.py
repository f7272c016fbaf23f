"""`log-mlflow`: log a run to MLflow that could not be logged while it was running, or whose request names no server."""

import time
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import ValidationError

from activities.log_to_mlflow import log_new_batches
from activities.tracking.mlflow_client import TrackingError
from quire.contracts import Job, LogInput
from quire.progress import Progress, Result, Verdict, to_metrics
from quire.request import Mlflow, Request
from runtime import logs
from runtime.cli.app import RunId
from runtime.errors import SetupError
from runtime.temporal.connection import open_connection
from runtime.temporal.runs import attach_run, fetch_request, fetch_run_state, open_run_plan
from runtime.text import console

VERDICTS: dict[str, Verdict] = {"canceled": "cancelled", "terminated": "cancelled"}
"""Verdicts of runs without a result, by how Temporal says that they ended; any other failed."""


async def log_mlflow(
    id: RunId,
    /,
    *,
    tracking_uri: Annotated[str | None, Parameter(help="the MLflow server, if not the request's own")] = None,
    experiment: Annotated[str | None, Parameter(help="the experiment, if not the request's own")] = None,
) -> int:
    """Log to MLflow what is not logged yet of a run. Repeating it does no harm."""
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await attach_run(connection.client, id)
        id = handle.id
        request = await fetch_request(connection.client, handle)
        state = await fetch_run_state(handle)
        ended = (await handle.describe()).close_time
    server = _choose_server(request, tracking_uri, experiment)
    plan = await open_run_plan(request.output.store, id)
    input = _build_input(state, Job(workflow_id=id, store=request.output.store), ended)
    try:
        log = await log_new_batches(plan, server, input)
    except TrackingError as error:
        raise SetupError(str(error)) from None
    for warning in log.warnings:
        console.print_note(f"warning: {warning}")
    print(f"{id}: logged to {log.address}")
    return 0


def _choose_server(request: Request, tracking_uri: str | None, experiment: str | None) -> Mlflow:
    """Return the request's MLflow server, changed by the command's options. Raises SetupError if there is none."""
    configured = request.output.mlflow
    if configured is None and tracking_uri is None:
        raise SetupError("the run's request names no MLflow server; name one with --tracking-uri http://host:port")
    settings = configured.model_dump() if configured else {}
    options = {"tracking_uri": tracking_uri, "experiment": experiment}
    try:
        return Mlflow.model_validate(settings | {name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        fault = error.errors()[0]
        option = str(fault["loc"][0]).replace("_", "-")
        raise SetupError(f"--{option}: {fault['msg'].removeprefix('Value error, ')}") from None


def _build_input(state: dict[str, Any], job: Job, ended: datetime | None) -> LogInput:
    """Build the input of the activity that logs to MLflow from a run's state."""
    verdict: Verdict | None = None
    if ended is not None:
        verdict = state.get("verdict") or VERDICTS.get(state["status"], "failed")
    counts = None
    if "items" in state:
        kind = Result if "verdict" in state else Progress
        counts = kind.model_validate(state)
    return LogInput(
        job=job,
        metrics=to_metrics(counts) if counts else {},
        target=counts.target if counts else 0,
        step=counts.batches.completed + counts.batches.failed if counts else 0,
        timestamp=ended.timestamp() if ended else time.time(),
        verdict=verdict,
    )

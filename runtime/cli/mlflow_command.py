"""Log a run to MLflow by hand: one that could not be logged while it went on, or whose request names no server."""

import time
from datetime import datetime
from typing import Annotated, Any

from cyclopts import Parameter
from pydantic import ValidationError

from activities.log_to_mlflow import logged
from activities.store import plan_file
from activities.store.object_store import Store
from activities.tracking.mlflow_client import TrackingError
from quire.contracts import Job, LogInput
from quire.progress import Progress, Result, Verdict, figures
from quire.request import Mlflow, Request
from runtime import logs
from runtime.cli.app import Id, command
from runtime.errors import SetupError
from runtime.temporal.connection import connected
from runtime.temporal.runs import attach, request_of, state_of
from runtime.text import console


@command
async def log_mlflow(
    id: Id,
    /,
    *,
    tracking_uri: Annotated[str | None, Parameter(help="the MLflow server; the request's own where absent")] = None,
    experiment: Annotated[str | None, Parameter(help="the experiment; the request's own where absent")] = None,
) -> int:
    """Log a run to MLflow: what is there and not logged yet. Twice is as good as once."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        id = handle.id
        request = await request_of(connection.client, handle)
        state = await state_of(handle)
        ended = (await handle.describe()).close_time
    said = _server(request, tracking_uri, experiment)
    store = Store(request.output.store, id)
    plan = await plan_file.read(store)
    if plan is None:
        raise SetupError(f"{store.where(plan_file.KEY)} is missing: the store does not hold this run, or not yet")
    try:
        there = await logged(plan, said, _given(state, Job(workflow_id=id, store=request.output.store), ended))
    except TrackingError as error:
        raise SetupError(str(error)) from None
    for warning in there.warnings:
        console.note(f"warning: {warning}")
    print(f"{id}: logged to {there.address}")
    return 0


def _server(request: Request, tracking_uri: str | None, experiment: str | None) -> Mlflow:
    """Which server, as the request says, with what the command says laid over it."""
    known = request.output.mlflow
    if known is None and tracking_uri is None:
        raise SetupError("the run's request names no MLflow server; name one with --tracking-uri http://host:port")
    said = known.model_dump() if known else {}
    changes = {"tracking_uri": tracking_uri, "experiment": experiment}
    try:
        return Mlflow.model_validate(said | {name: value for name, value in changes.items() if value is not None})
    except ValidationError as error:
        wrong = error.errors()[0]
        option = str(wrong["loc"][0]).replace("_", "-")
        raise SetupError(f"--{option}: {wrong['msg'].removeprefix('Value error, ')}") from None


def _given(state: dict[str, Any], job: Job, ended: datetime | None) -> LogInput:
    verdicts: dict[str, Verdict] = {"canceled": "cancelled", "terminated": "cancelled"}
    verdict: Verdict | None = None
    if ended is not None:
        verdict = state.get("verdict") or verdicts.get(state["status"], "failed")
    shown = None
    if "items" in state:
        kind = Result if "verdict" in state else Progress
        shown = kind.model_validate(state)
    return LogInput(
        job=job,
        figures=figures(shown) if shown else {},
        target=shown.target if shown else 0,
        step=shown.batches.completed + shown.batches.failed if shown else 0,
        at=ended.timestamp() if ended else time.time(),
        verdict=verdict,
    )

"""Runs on the server: start, find, query, collect, and open their plans in the store."""

import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.client import (
    Client,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowQueryRejectedError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, CancelledError
from temporalio.service import RPCError, RPCStatusCode

from activities.documents.input_files import list_input_addresses
from activities.store import plan_file
from activities.store.object_store import Store, may_hold_run
from activities.store.plan_file import OpenPlan
from quire.commands import starter_command
from quire.contracts import FATAL_FAILURES, RUN_WORKFLOW
from quire.progress import Progress, Result
from quire.request import Request
from quire.run_ids import find_id_fault
from runtime.errors import SetupError
from runtime.temporal import run_description, run_lookup, run_priority
from runtime.temporal.connection import Connection
from runtime.temporal.settings import TASK_QUEUE
from workflows.state.state import State

Handle = WorkflowHandle[Any, Result]
"""Temporal's handle of a run."""


@dataclass(frozen=True)
class RunHandle:
    """A run that the server knows, with what is fetched once for a whole command."""

    handle: Handle
    request: Request
    url: str | None
    """The run's page in the Web UI; None if the address of the Web UI is not known."""

    @property
    def id(self) -> str:
        """The run's id."""
        return self.handle.id


class RunFailure(NamedTuple):
    """Why a run ended without a result."""

    message: str
    exit_code: int


def create_run_id(request: Request, path: Path) -> str:
    """Return a new readable id, `oq-suite-chromatography-7f3a`: recipe, name of the first input, four random digits."""
    stem = next((Path(address).stem for address in list_input_addresses(request).values()), path.stem)
    words = re.sub(r"[^a-z0-9]+", "-", f"{request.recipe} {stem}".lower()).strip("-")
    words = re.sub(r"^([a-z0-9-]+)-\1$", r"\1", words)  # roadmap-roadmap
    return f"{words[:60]}-{secrets.token_hex(2)}"


def validate_new_id(id: str) -> str:
    """Return the id for a new run. Raises SetupError, with what is allowed, if it cannot be one."""
    if fault := find_id_fault(id):
        raise SetupError(f"--id: {fault}")
    return id


async def find_run(client: Client, name: str) -> Handle | None:
    """Return the run with exactly this id, running or ended; None if the server does not know it.

    Raises SetupError for a text that cannot be an id.
    """
    if not name.strip() or len(name) > 200 or not name.isprintable() or "/" in name:
        raise SetupError(f"'{name[:60]}' is not a valid id: up to 200 printable characters without a slash")
    handle: Handle = client.get_workflow_handle(name, result_type=Result)
    try:
        await handle.describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise SetupError(f"the Temporal server refused: {error.message}") from None
    return handle


async def attach_run(client: Client, id: str) -> Handle:
    """Return the run that a person means by `id`: the whole id, its beginning if only one run begins so, or `last`.

    Raises SetupError, listing the candidates, if there is no such run or more than one.
    """
    handle = await find_run(client, id)
    return handle or client.get_workflow_handle(await run_lookup.resolve_run_id(client, id), result_type=Result)


async def load_run(connection: Connection, handle: Handle, request: Request | None = None) -> RunHandle:
    """Fetch the Web UI page of a run and, unless it is given, the request that the run was started with."""
    url = connection.build_run_url(handle.id, (await handle.describe()).run_id)
    return RunHandle(handle, request or await fetch_request(connection.client, handle), url)


async def is_live(handle: Handle) -> bool:
    """Return True if the run has not ended."""
    return (await handle.describe()).status == WorkflowExecutionStatus.RUNNING


async def fetch_request(client: Client, handle: Handle) -> Request:
    """Return the request that a run was started with, from the first event of its history."""
    async for event in handle.fetch_history_events(page_size=1):
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        (request,) = await client.data_converter.decode(list(payloads)[:1], [Request])
        return request
    raise SetupError(f"the history of run '{handle.id}' is empty")


async def open_run_plan(store_address: str, id: str) -> OpenPlan:
    """Open the plan of a run in its store. Raises SetupError if the store does not hold it."""
    if fault := find_id_fault(id):
        raise SetupError(fault)
    store = Store(store_address, id) if may_hold_run(store_address, id) else None
    plan = await plan_file.open_plan(store) if store else None
    if plan is None:
        raise SetupError(plan_file.missing_plan_message(store_address, id))
    return plan


async def start_run(
    client: Client,
    name: str,
    request: Request,
    state: State | None = None,
    *,
    priority: int | None = None,
    reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
) -> Handle:
    """Start a run, or attach to the run that another process started under this id at the same time.

    `priority` is 1, the highest, to 5.
    """
    handle: Handle = await client.start_workflow(
        RUN_WORKFLOW,
        args=[request, *([state] if state else [])],
        id=name,
        task_queue=TASK_QUEUE,
        result_type=Result,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=reuse,
        priority=run_priority.to_temporal_priority(name, priority),
        static_summary=run_description.build_summary(request),
        static_details=run_description.build_steering_help(name),
    )
    return handle


async def restart_run(
    client: Client, name: str, request: Request, *, more: int = 0, priority: int | None = None
) -> Handle:
    """Start a new run under the id of an ended one: it keeps the filled slots and fills the open ones and `more`.

    It has the priority of the ended run unless another is given.
    """
    state = State(continue_earlier_run=True, more_slots=more)
    priority = priority or await run_priority.fetch_priority(client.get_workflow_handle(name))
    return await start_run(client, name, request, state, priority=priority, reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE)


async def fetch_outcome(handle: Handle) -> tuple[Result | None, RunFailure | None]:
    """Wait until a run has ended and return its result, or why it has none."""
    try:
        return await handle.result(), None
    except WorkflowFailureError as error:
        cause: BaseException = error.cause
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, CancelledError):
            return None, RunFailure("cancelled before anything was generated", 1)
        message = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
        is_mistake = isinstance(cause, ApplicationError) and cause.type in (*FATAL_FAILURES, "ValidationError")
        return None, RunFailure(message, 2 if is_mistake else 1)


async def query_progress(handle: Handle) -> Progress | None:
    """Return the progress of a run, or None if no worker answers within two seconds."""
    try:
        return await handle.query("progress", result_type=Progress, rpc_timeout=timedelta(seconds=2))
    except (RPCError, TimeoutError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return None


async def wait_for_progress(handle: Handle) -> Progress | None:
    """Return the progress of a run as soon as a worker that is starting answers, or None after twenty seconds."""
    for _ in range(10):
        progress = await query_progress(handle)
        if progress is not None:
            return progress
    return None


async def fetch_run_state(handle: Handle) -> dict[str, Any]:
    """Return the status of a run with its progress or result, or with what to do if no worker answers."""
    description = await handle.describe()
    status = description.status.name.lower() if description.status else "unknown"
    state: dict[str, Any] = {"workflow_id": handle.id, "status": status}
    if description.status not in (WorkflowExecutionStatus.RUNNING, None):
        result, failure = await fetch_outcome(handle)
        return state | (result.model_dump(mode="json") if result else {"error": failure.message if failure else status})
    progress = await query_progress(handle)
    if progress is None:
        return state | {"line": f"no worker answers; start one with: {starter_command('up')}"}
    return state | progress.model_dump(mode="json")

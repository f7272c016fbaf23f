"""Runs on the server: start without twins, find, ask, collect."""

import re
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

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

from activities.documents.input_files import addresses
from quire.contracts import FATAL, WORKFLOW
from quire.progress import Progress, Result
from quire.request import Request
from runtime.errors import SetupError
from runtime.temporal import run_description, run_lookup, run_priority
from runtime.temporal.settings import TASK_QUEUE
from workflows.state.state import State

Handle = WorkflowHandle[Any, Result]


def new_id(request: Request, path: Path) -> str:
    """A readable id, `oq-suite-chromatography-7f3a`: recipe, first input's name, four random digits."""
    named = next((Path(address).stem for address in addresses(request).values()), path.stem)
    words = re.sub(r"[^a-z0-9]+", "-", f"{request.recipe} {named}".lower()).strip("-")
    words = re.sub(r"^([a-z0-9-]+)-\1$", r"\1", words)  # roadmap-roadmap
    return f"{words[:60]}-{secrets.token_hex(2)}"


async def find(client: Client, name: str) -> Handle | None:
    """The run of this id, running or ended, or None."""
    if not name.strip() or len(name) > 200 or not name.isprintable() or "/" in name:
        raise SetupError(f"'{name[:60]}' cannot be an id: up to 200 printable characters, no slash")
    handle: Handle = client.get_workflow_handle(name, result_type=Result)
    try:
        await handle.describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise SetupError(f"the Temporal server refused: {error.message}") from None
    return handle


async def attach(client: Client, said: str) -> Handle:
    """The run that is meant: of exactly this id, else of the only one that begins so, else the last one for `last`.
    Raises SetupError, with those that may be meant, where there is none or more than one."""
    handle = await find(client, said)
    return handle or client.get_workflow_handle(await run_lookup.meant(client, said), result_type=Result)


async def is_live(handle: Handle) -> bool:
    """Whether the run has not ended."""
    return (await handle.describe()).status == WorkflowExecutionStatus.RUNNING


async def request_of(client: Client, handle: Handle) -> Request:
    """What a run was started with."""
    async for event in handle.fetch_history_events(page_size=1):
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        (request,) = await client.data_converter.decode(list(payloads)[:1], [Request])
        return request
    raise SetupError(f"the history of run '{handle.id}' is empty")


async def progress_soon(handle: Handle) -> Progress | None:
    """Progress as soon as a worker that has just come up answers, or None after twenty seconds."""
    for _ in range(10):
        progress = await progress_of(handle)
        if progress is not None:
            return progress
    return None


async def start_again(
    client: Client, name: str, request: Request, *, more: int = 0, priority: int | None = None
) -> Handle:
    """A new run under the id of one that has ended: it takes over what is filled and makes what is open, and `more`.
    It has that one's priority unless another is given."""
    state = State(take_over=True, more=more)
    known = priority or await run_priority.priority_of(client.get_workflow_handle(name))
    return await start(client, name, request, state, priority=known, reuse=WorkflowIDReusePolicy.ALLOW_DUPLICATE)


async def start(
    client: Client,
    name: str,
    request: Request,
    state: State | None = None,
    *,
    priority: int | None = None,
    reuse: WorkflowIDReusePolicy = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY,
) -> Handle:
    """Start the run, or attach to one that somebody else started in this instant. `priority`: 1, the highest, to 5."""
    handle: Handle = await client.start_workflow(
        WORKFLOW,
        args=[request, *([state] if state else [])],
        id=name,
        task_queue=TASK_QUEUE,
        result_type=Result,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=reuse,
        priority=run_priority.rank(name, priority),
        static_summary=run_description.summary(request),
        static_details=run_description.steering(name),
    )
    return handle


async def outcome_of(handle: Handle) -> tuple[Result | None, tuple[str, int] | None]:
    """The result of an ended run, or why there is none with the exit code."""
    try:
        return await handle.result(), None
    except WorkflowFailureError as error:
        cause: BaseException = error.cause
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, CancelledError):
            return None, ("cancelled before anything was made", 1)
        message = cause.message if isinstance(cause, ApplicationError) else str(cause or error)
        wrong = isinstance(cause, ApplicationError) and cause.type in (*FATAL, "ValidationError")
        return None, (message, 2 if wrong else 1)


async def progress_of(handle: Handle) -> Progress | None:
    """What the run says of itself, or None where no worker answers in two seconds."""
    try:
        return await handle.query("progress", result_type=Progress, rpc_timeout=timedelta(seconds=2))
    except (RPCError, TimeoutError, WorkflowQueryFailedError, WorkflowQueryRejectedError):
        return None


async def state_of(handle: Handle) -> dict[str, Any]:
    """Status and progress of a run, with what to do where nobody works on it."""
    described = await handle.describe()
    status = described.status.name.lower() if described.status else "unknown"
    shown: dict[str, Any] = {"workflow_id": handle.id, "status": status}
    if described.status not in (WorkflowExecutionStatus.RUNNING, None):
        result, failure = await outcome_of(handle)
        return shown | (result.model_dump(mode="json") if result else {"error": failure[0] if failure else status})
    progress = await progress_of(handle)
    if progress is None:
        return shown | {"line": "no worker answers; start one with: uv run starter.py up"}
    return shown | progress.model_dump(mode="json")

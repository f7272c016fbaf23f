"""Why a live run does not answer, in words, with the command that fixes it."""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, TaskQueueType, WorkflowTaskFailedCause
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import Client, WorkflowExecutionDescription, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from quire.commands import starter_command
from quire.durations import format_duration
from runtime.text.wording import make_printable

ANSWER_TIMEOUT = timedelta(seconds=3)
"""How long the server may take to answer; the SDK itself would retry for a quarter of a minute."""
POLL_SECONDS = 75.0
"""Seconds within which a live worker has asked for work again: one poll lasts a minute."""
LAST_EVENTS = 6
"""Events at the end of a history among which a failed workflow task is searched."""

DiagnosisKind = Literal["server", "unknown run", "no worker", "silent worker", "code"]


@dataclass(frozen=True)
class Diagnosis:
    """The reason why a run does not answer, and what a person can do about it."""

    kind: DiagnosisKind
    message: str

    @property
    def unreachable(self) -> bool:
        """True if nothing can be known of the run, because its server is away or does not know it."""
        return self.kind in ("server", "unknown run")


async def diagnose(client: Client, workflow_id: str) -> Diagnosis | None:
    """Return why a run does not answer; None if it has ended or nothing is wrong."""
    try:
        if not await _is_healthy(client):
            return _diagnose_server(client)
        async with asyncio.timeout(2 * ANSWER_TIMEOUT.total_seconds()):
            description = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=ANSWER_TIMEOUT)
            if description.status != WorkflowExecutionStatus.RUNNING:
                return None
            failure = await _diagnose_failing_code(client, description)
            return failure or await _diagnose_workers(client, description.task_queue)
    except TimeoutError:
        return _diagnose_server(client)
    except RPCError as error:
        is_unknown = error.status == RPCStatusCode.NOT_FOUND
        return _diagnose_unknown_run(client, workflow_id) if is_unknown else _diagnose_server(client)


async def _is_healthy(client: Client) -> bool:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT.total_seconds()):
            return await client.service_client.check_health(timeout=ANSWER_TIMEOUT)
    except (RPCError, TimeoutError):
        return False


def _server_address(client: Client) -> str:
    return client.service_client.config.target_host


def _diagnose_server(client: Client) -> Diagnosis:
    return Diagnosis(
        "server",
        f"the Temporal server at {_server_address(client)} does not answer; it is retried, and nothing is lost. "
        f"Start it with: {starter_command('up')}",
    )


def _diagnose_unknown_run(client: Client, workflow_id: str) -> Diagnosis:
    rebuild = starter_command("rebuild", workflow_id, "--store", "STORE")
    return Diagnosis(
        "unknown run",
        f"the server at {_server_address(client)} does not know the run {workflow_id}: it is another server, or it has "
        f"lost its database. Assemble what the store holds with: {rebuild}",
    )


async def _diagnose_failing_code(client: Client, description: WorkflowExecutionDescription) -> Diagnosis | None:
    """Return what a workflow task fails with. Temporal retries such a task until the code is fixed."""
    task = description.raw_description.pending_workflow_task
    if task.attempt < 2:
        return None
    request = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=description.id, run_id=description.run_id),
        maximum_page_size=LAST_EVENTS,
    )
    response = await client.workflow_service.get_workflow_execution_history_reverse(request, timeout=ANSWER_TIMEOUT)
    for event in response.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            failed = event.workflow_task_failed_event_attributes
            return _describe_failed_task(failed, description.id, task.attempt)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
            return None  # no worker has answered, which `_diagnose_workers` explains
    return None


def _describe_failed_task(failed: Any, workflow_id: str, attempt: int) -> Diagnosis:
    cause = WorkflowTaskFailedCause.Name(failed.cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_")
    reason = make_printable(failed.failure.message)[:300] or cause.lower().replace("_", " ")
    error_type = failed.failure.application_failure_info.type
    if cause == "NON_DETERMINISTIC_ERROR":
        advice = (
            "The worker runs other code than the run was started with. Start a worker of that version, "
            "and the run continues"
        )
    else:
        reason = f"{error_type}: {reason}" if error_type else reason
        advice = (
            "Everything generated so far is kept. Fix the code and restart the worker (uv run worker.py), "
            "and the run continues"
        )
    return Diagnosis(
        "code",
        f"the run's code fails in the worker (attempt {attempt}): {reason}. {advice}; or give the run up with: "
        f"uv run temporal workflow terminate -w {workflow_id}",
    )


async def _diagnose_workers(client: Client, queue: str) -> Diagnosis:
    """Return that no worker is on the queue, or that the last one does not answer."""
    workers = await list_workers(client, queue)
    if not workers:
        return Diagnosis(
            "no worker",
            f"no worker is on the queue {queue}; start one with: {starter_command('up')} (here), or uv run worker.py",
        )
    identity, seconds = min(workers, key=lambda worker: worker[1])
    return Diagnosis(
        "silent worker",
        f"no worker answers: the last one, {make_printable(identity)}, asked for work {format_duration(seconds)} ago; "
        f"if it was killed or has lost its connection to the server, start another with: uv run worker.py",
    )


async def list_workers(client: Client, queue: str, *, except_identity: str | None = None) -> list[tuple[str, float]]:
    """Return the live workers on a queue, each with the seconds since it last asked for work."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    pollers = (await client.workflow_service.describe_task_queue(request, timeout=ANSWER_TIMEOUT)).pollers
    now = time.time()
    ages = [(poller.identity, max(0.0, now - poller.last_access_time.ToNanoseconds() / 1e9)) for poller in pollers]
    return [(identity, age) for identity, age in ages if age < POLL_SECONDS and identity != except_identity]

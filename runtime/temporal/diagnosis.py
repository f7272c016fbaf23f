"""Why a run that is under way does not answer: in words, with the command that mends it."""

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

from runtime.text.wording import duration, printable

PATIENCE = timedelta(seconds=3)
"""For an answer of the server: the SDK itself would go on asking for a quarter of a minute."""
POLL = 75.0
"""Seconds after which a worker that is there has asked for work once more: it asks for a minute at a time."""
LOOKED_AT = 6
"""Last events of a history among which the failure of a workflow task is looked for."""

Kind = Literal["server", "unknown run", "no worker", "silent worker", "code"]


@dataclass(frozen=True)
class Trouble:
    """What is wrong, and what a person can do about it."""

    kind: Kind
    said: str

    @property
    def unreachable(self) -> bool:
        """Whether nothing can be known of the run."""
        return self.kind in ("server", "unknown run")


async def diagnosed(client: Client, workflow_id: str) -> Trouble | None:
    """What keeps a run from answering; None where it has ended, or nothing is found."""
    try:
        if not await _healthy(client):
            return _no_server(client)
        async with asyncio.timeout(2 * PATIENCE.total_seconds()):
            described = await client.get_workflow_handle(workflow_id).describe(rpc_timeout=PATIENCE)
            if described.status != WorkflowExecutionStatus.RUNNING:
                return None
            return await _failing(client, described) or await _idle(client, described.task_queue)
    except TimeoutError:
        return _no_server(client)
    except RPCError as error:
        return _unknown(client, workflow_id) if error.status == RPCStatusCode.NOT_FOUND else _no_server(client)


async def _healthy(client: Client) -> bool:
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            return await client.service_client.check_health(timeout=PATIENCE)
    except (RPCError, TimeoutError):
        return False


def _address(client: Client) -> str:
    return client.service_client.config.target_host


def _no_server(client: Client) -> Trouble:
    return Trouble(
        "server",
        f"the Temporal server at {_address(client)} does not answer; it is tried again and again, and nothing is lost. "
        f"Start it with: uv run starter.py up",
    )


def _unknown(client: Client, workflow_id: str) -> Trouble:
    return Trouble(
        "unknown run",
        f"the server at {_address(client)} does not know the run {workflow_id}: it is another server, or one that has "
        f"lost its database. What the store holds is bound by: uv run starter.py rebuild {workflow_id} --store STORE",
    )


async def _failing(client: Client, described: WorkflowExecutionDescription) -> Trouble | None:
    """A workflow task that the run's code raises in: it is tried again for ever, until the code is mended."""
    task = described.raw_description.pending_workflow_task
    if task.attempt < 2:
        return None
    asked = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=described.id, run_id=described.run_id),
        maximum_page_size=LOOKED_AT,
    )
    found = await client.workflow_service.get_workflow_execution_history_reverse(asked, timeout=PATIENCE)
    for event in found.history.events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            return _broken(event.workflow_task_failed_event_attributes, described.id, task.attempt)
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
            return None  # nobody has answered: that is the worker's matter
    return None


def _broken(failed: Any, workflow_id: str, attempt: int) -> Trouble:
    cause = WorkflowTaskFailedCause.Name(failed.cause).removeprefix("WORKFLOW_TASK_FAILED_CAUSE_")
    said = printable(failed.failure.message)[:300] or cause.lower().replace("_", " ")
    kind = failed.failure.application_failure_info.type
    if cause == "NON_DETERMINISTIC_ERROR":
        advice = (
            "The worker has other code than the one that the run began with. Start one of that version, and it goes on"
        )
    else:
        said = f"{kind}: {said}" if kind else said
        advice = "All that is made is kept. Mend the code, start the worker again (uv run worker.py), and it goes on"
    return Trouble(
        "code",
        f"the run's code fails in the worker (try {attempt}): {said}. {advice}; or give the run up with: "
        f"uv run temporal workflow terminate -w {workflow_id}",
    )


async def _idle(client: Client, queue: str) -> Trouble:
    """Nobody works on the queue, or somebody who does not answer."""
    pollers = await others(client, queue)
    if not pollers:
        return Trouble(
            "no worker",
            f"no worker is on the queue {queue}; start one with: uv run starter.py up (here), or uv run worker.py",
        )
    identity, seconds = min(pollers, key=lambda one: one[1])
    return Trouble(
        "silent worker",
        f"no worker answers: the last one, {printable(identity)}, asked for work {duration(seconds)} ago; where it "
        f"was killed or has lost its way to the server, start another with: uv run worker.py",
    )


async def others(client: Client, queue: str, *, but: str | None = None) -> list[tuple[str, float]]:
    """The workers on a queue, `but` one, and how many seconds ago each asked for work."""
    asked = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    found = (await client.workflow_service.describe_task_queue(asked, timeout=PATIENCE)).pollers
    ages = [(one.identity, max(0.0, time.time() - one.last_access_time.ToNanoseconds() / 1e9)) for one in found]
    return [(identity, age) for identity, age in ages if age < POLL and identity != but]

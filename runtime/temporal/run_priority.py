"""The priority of a run, and the fairness key by which runs of equal priority are served in turn."""

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import Priority as PriorityMessage
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority
from temporalio.service import RPCError

from activities.limits.concurrency import DEFAULT_PRIORITY
from runtime.errors import SetupError

HIGHEST, LOWEST = 1, 5
KEY_BYTES = 64
"""The longest fairness key that the server accepts."""


def validate_priority(priority: int | None) -> int | None:
    """Return the priority. Raises SetupError if it is not None and no run can have it."""
    if priority is not None and not HIGHEST <= priority <= LOWEST:
        raise SetupError(
            f"a priority is {HIGHEST} (the highest) to {LOWEST}, not {priority}; the default is {DEFAULT_PRIORITY}"
        )
    return priority


def to_temporal_priority(name: str, priority: int | None) -> Priority:
    """Return the priority that a run's workflow tasks, activities and children inherit.

    The fairness key is the run's id; of a long id its end, which distinguishes best.
    """
    key = name.encode()[-KEY_BYTES:].decode(errors="ignore")
    return Priority(priority_key=priority or DEFAULT_PRIORITY, fairness_key=key)


async def fetch_priority(handle: WorkflowHandle[Any, Any]) -> int:
    """Return the priority of a run, live or ended."""
    description = await handle.describe()
    return description.raw_description.workflow_execution_info.priority.priority_key or DEFAULT_PRIORITY


async def change_priority(client: Client, name: str, priority: int | None) -> None:
    """Change the priority of a live run for the activities that it starts from now on; do nothing if it is None."""
    if priority is None:
        return
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=name),
        workflow_execution_options=WorkflowExecutionOptions(priority=PriorityMessage(priority_key=priority)),
        update_mask=FieldMask(paths=["priority.priority_key"]),
    )
    try:
        await client.workflow_service.update_workflow_execution_options(request)
    except RPCError as error:
        raise SetupError(f"the priority of run {name} cannot be changed: {error.message}") from None

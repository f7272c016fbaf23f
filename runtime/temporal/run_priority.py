"""Which run comes first: its priority, and the key by which runs of one priority are served in turn."""

from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import Priority as Standing
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import UpdateWorkflowExecutionOptionsRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import Priority
from temporalio.service import RPCError

from activities.limits.concurrency import USUAL
from runtime.errors import SetupError

FIRST, LAST = 1, 5
KEY_BYTES = 64
"""As long as the server lets a fairness key be."""


def checked(priority: int | None) -> int | None:
    """The same number; a SetupError where no run can have it."""
    if priority is not None and not FIRST <= priority <= LAST:
        raise SetupError(f"a priority is {FIRST} (the highest) to {LAST}, not {priority}; without one it is {USUAL}")
    return priority


def rank(name: str, priority: int | None) -> Priority:
    """What a run's workflow tasks, activities and children inherit. Of a long id the end is kept: it tells best."""
    key = name.encode()[-KEY_BYTES:].decode(errors="ignore")
    return Priority(priority_key=priority or USUAL, fairness_key=key)


async def priority_of(handle: WorkflowHandle[Any, Any]) -> int:
    """The priority that a run has, or had."""
    described = await handle.describe()
    return described.raw_description.workflow_execution_info.priority.priority_key or USUAL


async def change(client: Client, name: str, priority: int | None) -> None:
    """Give a live run another priority, unless None: it holds for what the run asks for from now on."""
    if priority is None:
        return
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=name),
        workflow_execution_options=WorkflowExecutionOptions(priority=Standing(priority_key=priority)),
        update_mask=FieldMask(paths=["priority.priority_key"]),
    )
    try:
        await client.workflow_service.update_workflow_execution_options(request)
    except RPCError as error:
        raise SetupError(f"the priority of run {name} cannot be changed: {error.message}") from None

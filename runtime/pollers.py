"""Whether anybody works on the queue."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from runtime.settings import TASK_QUEUE

RECENT = timedelta(seconds=90)
"""A worker asks again after a minute at the latest; the server still lists it for five."""


@dataclass(frozen=True)
class Poller:
    """A worker that asks for work."""

    identity: str
    """Process and host, `4711@host`."""
    seen: timedelta
    """How long ago it asked last."""


async def pollers(client: Client, timeout: timedelta = timedelta(seconds=5)) -> list[Poller]:
    """The workers that may be up, the one seen last first. Raises RPCError."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=TASK_QUEUE),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=timeout)
    now = datetime.now(UTC)
    found = [Poller(one.identity, now - one.last_access_time.ToDatetime(UTC)) for one in answer.pollers]
    return sorted((one for one in found if one.seen < RECENT), key=lambda one: one.seen)

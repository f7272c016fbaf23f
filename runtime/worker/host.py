"""A worker: hosts the workflow and the activities on the task queue.

They are imported when one begins: most commands have none, and would wait for that a tenth of a second.
"""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.client import Client
from temporalio.service import RPCError

from activities.limits.rate_leases import of_server
from activities.model.endpoints import Endpoints, simulated
from runtime.temporal.embedded_server import search_attributes_known
from runtime.temporal.settings import TASK_QUEUE
from runtime.worker.build_id import build_id
from runtime.worker.simulator_process import simulator

if TYPE_CHECKING:
    from temporalio.worker import WorkflowRunner

GRACE = timedelta(seconds=30)
"""Calls in flight, which are paid for, may finish this long after SIGTERM."""
SLOTS = 2000
"""Activities at a time: twice what one run can have, so that a second one does not wait for its slots. Where there are
still more, the server's queue decides which come first."""
runner: "type[WorkflowRunner] | None" = None
"""None is without a sandbox: that costs half of what a workflow task costs and some megabytes a run. It guards against
mistakes in code that is ours, so it is the tests that put it here."""


@dataclass
class Hosted:
    """What a running worker uses."""

    simulated: bool
    endpoints: Endpoints


@asynccontextmanager
async def hosted(
    client: Client, *, grace: timedelta = GRACE, cached: int = 1000, slots: int = SLOTS
) -> AsyncGenerator[Hosted]:
    """Run a worker for the length of the block, with the simulator where no endpoint is set."""
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    from activities.registry import Activities
    from workflows.generate_artifact import GenerateArtifact
    from workflows.generate_shard import GenerateShard
    from workflows.rate_keeper import Rates

    async with AsyncExitStack() as stack:
        endpoints = Endpoints(leasing=of_server(client, TASK_QUEUE))
        stack.push_async_callback(endpoints.close)
        offline = simulated()
        if offline:
            endpoints.offline = await stack.enter_async_context(simulator())
        known = await _known(client)
        await stack.enter_async_context(
            Worker(
                client,
                task_queue=TASK_QUEUE,
                workflows=[GenerateArtifact, GenerateShard, Rates],
                activities=Activities(endpoints, slots=slots, search_attributes=known).all(),
                workflow_runner=(runner or UnsandboxedWorkflowRunner)(),
                max_cached_workflows=cached,
                max_concurrent_activities=slots,
                graceful_shutdown_timeout=grace,
                build_id=build_id(),
                # else the worker that has the workflow keeps most of its calls, and others beside it stand idle
                disable_eager_activity_execution=True,
            )
        )
        yield Hosted(offline, endpoints)


async def _known(client: Client) -> bool:
    try:
        return await search_attributes_known(client)
    except RPCError:
        return False

"""A worker inside this process: hosts the workflows and activities on the task queue.

Workflows and activities are imported when a worker starts: most commands have none, and the import takes a tenth of a
second.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from temporalio.client import Client
from temporalio.service import RPCError

from activities.limits.rate_leases import server_leases
from activities.model.endpoints import Endpoints
from activities.model.environment import ModelEnvironment
from activities.model.misfit import calls_queue
from runtime.temporal.embedded_server import has_search_attributes
from runtime.temporal.settings import TASK_QUEUE, read_model_environment
from runtime.worker.build_id import compute_build_id
from runtime.worker.simulator_process import run_simulator

if TYPE_CHECKING:
    from temporalio.worker import WorkflowRunner

DRAIN_TIME = timedelta(seconds=30)
"""How long calls in flight, which are paid for, may take to finish after SIGTERM."""
MAX_ACTIVITIES = 2000
"""Activities at a time: twice what one run can have, so that a second run does not wait for free slots. If there are
still more, the server's queue decides which come first."""


@dataclass
class HostedWorker:
    """A running worker."""

    simulated: bool
    """True if no endpoint is configured and the offline simulator answers its calls."""
    endpoints: Endpoints


@asynccontextmanager
async def host_worker(
    client: Client,
    *,
    drain_time: timedelta = DRAIN_TIME,
    max_activities: int = MAX_ACTIVITIES,
    max_cached_workflows: int = 1000,
    runner: "type[WorkflowRunner] | None" = None,
    environment: ModelEnvironment | None = None,
) -> AsyncGenerator[HostedWorker]:
    """Run a worker for the length of the block, with the offline simulator if no endpoint is configured.

    It also takes the calls that workers of other endpoints pass on. `environment` is that of the process by default.

    Without a `runner`, workflows run outside the SDK's sandbox. The sandbox doubles the cost of a workflow task and
    takes some megabytes per run; it finds mistakes in workflow code, which is ours, so only tests pass it.
    """
    from temporalio.worker import UnsandboxedWorkflowRunner, Worker

    from activities.registry import Activities
    from workflows.generate_artifact import GenerateArtifact
    from workflows.generate_shard import GenerateShard
    from workflows.rate_keeper import RateKeeper

    async with AsyncExitStack() as stack:
        environment = environment or read_model_environment()
        endpoints = Endpoints(environment=environment, lease_rates=server_leases(client, TASK_QUEUE))
        stack.push_async_callback(endpoints.close)
        if environment.is_offline:
            endpoints.simulator_address = await stack.enter_async_context(run_simulator())
        activities = Activities(endpoints, search_attributes=await _has_search_attributes(client))
        worker = Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[GenerateArtifact, GenerateShard, RateKeeper],
            activities=activities.all(),
            workflow_runner=(runner or UnsandboxedWorkflowRunner)(),
            max_cached_workflows=max_cached_workflows,
            max_concurrent_activities=max_activities,
            graceful_shutdown_timeout=drain_time,
            build_id=compute_build_id(),
            # otherwise the worker that has the workflow keeps most of its calls, and other workers stay idle
            disable_eager_activity_execution=True,
        )
        passed_on = Worker(
            client,
            task_queue=calls_queue(environment.own_address),
            activities=activities.all(),
            max_concurrent_activities=max_activities,
            graceful_shutdown_timeout=drain_time,
            build_id=compute_build_id(),
        )
        async with worker, passed_on:
            try:
                yield HostedWorker(environment.is_offline, endpoints)
            finally:  # together, so that both have the same time to finish their calls
                await asyncio.gather(worker.shutdown(), passed_on.shutdown())


async def _has_search_attributes(client: Client) -> bool:
    try:
        return await has_search_attributes(client)
    except RPCError:
        return False

"""Leases of an endpoint's rate limits: from the workflow that keeps them for all workers, or kept in this process."""

import hashlib
import re
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from quire.contracts import LEASE_UPDATE, RATE_KEEPER_WORKFLOW
from quire.rate_limits import EndpointRates, Lease, LeaseRequest

LeaseRates = Callable[[str, LeaseRequest, str], Awaitable[Lease]]
"""Obtains a lease, given the rate keeper's id, what is asked for, and an id of the lease: asking again with the same id
returns the same lease."""
RPC_TIMEOUT = timedelta(seconds=20)


def rate_keeper_id(address: str, model: str) -> str:
    """Return the id of the workflow that keeps a model's rate limits at an address, such as
    `quire-rate-api-openai-com-gpt-4o-1f3c9a`."""
    host = urlsplit(address).netloc.rpartition("@")[2] or address
    words = re.sub(r"[^a-z0-9]+", "-", f"{host} {model}".lower()).strip("-")[:80]
    return f"quire-rate-{words}-{hashlib.sha256(f'{address} {model}'.encode()).hexdigest()[:6]}"


def server_leases(client: Client, task_queue: str) -> LeaseRates:
    """Return leases that hold across all workers and runs. Obtaining one raises RPCError, among others, if the server
    does not answer."""

    async def lease_from_keeper(keeper: str, ask: LeaseRequest, lease_id: str) -> Lease:
        start = WithStartWorkflowOperation(
            RATE_KEEPER_WORKFLOW,
            id=keeper,
            task_queue=task_queue,
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        )
        return await client.execute_update_with_start_workflow(
            LEASE_UPDATE, ask, start_workflow_operation=start, id=lease_id, result_type=Lease, rpc_timeout=RPC_TIMEOUT
        )

    return lease_from_keeper


def local_leases() -> LeaseRates:
    """Return leases for a process without a server, as if it were the only one that calls."""
    rates: dict[str, EndpointRates] = {}

    async def lease_locally(keeper: str, ask: LeaseRequest, lease_id: str) -> Lease:
        return rates.setdefault(keeper, EndpointRates()).lease(ask, time.time())

    return lease_locally

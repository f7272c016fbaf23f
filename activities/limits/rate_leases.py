"""Leases of an endpoint's rates: from the workflow that keeps them for all workers, or from books of one's own."""

import hashlib
import re
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlsplit

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy

from quire.contracts import LEASE, RATES
from quire.rate_limits import Ask, Lease, Rates

Leasing = Callable[[str, Ask, str], Awaitable[Lease]]
"""Given the keeper's id, what is asked for, and a name of this lease, by which it is not had twice."""
PATIENT = timedelta(seconds=20)


def keeper(address: str, model: str) -> str:
    """The id of the workflow that keeps a model's rates at an address, `quire-rate-api-openai-com-gpt-4o-1f3c9a`."""
    host = urlsplit(address).netloc.rpartition("@")[2] or address
    words = re.sub(r"[^a-z0-9]+", "-", f"{host} {model}".lower()).strip("-")[:80]
    return f"quire-rate-{words}-{hashlib.sha256(f'{address} {model}'.encode()).hexdigest()[:6]}"


def of_server(client: Client, task_queue: str) -> Leasing:
    """Leases that hold across all workers and runs. Raises RPCError and the like where the server is away."""

    async def leased(name: str, ask: Ask, lease: str) -> Lease:
        start = WithStartWorkflowOperation(
            RATES, id=name, task_queue=task_queue, id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING
        )
        return await client.execute_update_with_start_workflow(
            LEASE, ask, start_workflow_operation=start, id=lease, result_type=Lease, rpc_timeout=PATIENT
        )

    return leased


def of_process() -> Leasing:
    """Leases for a process that has no server: it is alone with its calls."""
    books: dict[str, Rates] = {}

    async def leased(name: str, ask: Ask, lease: str) -> Lease:
        return books.setdefault(name, Rates()).lease(ask, time.time())

    return leased

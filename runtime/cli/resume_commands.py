"""`resume` and `rebuild`: continue a run where it stopped, or assemble its artifact again."""

import hashlib
from typing import Annotated

from cyclopts import Parameter

from activities.assemble_artifact import rebuild_artifact
from activities.output.formats import OUTPUT_FORMATS
from activities.store import plan_file
from activities.store.item_index import open_item_index
from activities.store.object_store import Store
from runtime import logs
from runtime.cli.app import Json, RunId, RunPriority
from runtime.errors import SetupError
from runtime.session.run_session import report_result, watch_to_end
from runtime.temporal import run_priority
from runtime.temporal.connection import Connection, open_connection
from runtime.temporal.runs import (
    Handle,
    attach_run,
    fetch_outcome,
    fetch_request,
    is_live,
    load_run,
    open_run_plan,
    restart_run,
    wait_for_progress,
)
from runtime.text import console
from runtime.worker.host import host_worker


async def resume(id: RunId, /, *, priority: RunPriority = None, json: Json = False) -> int:
    """Continue a run that was paused, interrupted, cancelled or ended partial; nothing is paid for twice."""
    logs.configure_logging()
    run_priority.validate_priority(priority)
    async with open_connection(start_embedded=True) as connection:
        handle = await attach_run(connection.client, id)
        if not await is_live(handle):
            result, _ = await fetch_outcome(handle)
            if result is not None and result.verdict == "complete":
                console.print_note(f"run {handle.id} is already complete")
                return (await report_result(await load_run(connection, handle), json=json, lines=True))[0]
            return await continue_ended_run(connection, handle, json=json, priority=priority)
        await run_priority.change_priority(connection.client, handle.id, priority)
        async with host_worker(connection.client):
            progress = await wait_for_progress(handle)
            if progress is not None:
                position = f"{progress.items:,}/{progress.target:,}" if progress.target else "the plan"
                console.print_note(f"continuing {handle.id} from {position}")
            await handle.signal("resume")
            return (await watch_to_end(connection, await load_run(connection, handle), json=json))[0]


async def continue_ended_run(
    connection: Connection, handle: Handle, *, json: bool, more: int = 0, priority: int | None = None
) -> int:
    """Start an ended run again and watch it to its end: filled slots are kept, open ones and `more` new ones are
    filled. Return the exit code."""
    request = await fetch_request(connection.client, handle)
    store = Store(request.output.store, handle.id)
    plan = await plan_file.open_plan(store)
    filled = len(await open_item_index(store))
    restarted = await restart_run(connection.client, handle.id, request, more=more, priority=priority)
    total = f"{len(plan.slots) + more:,}" if plan else "?"
    console.print_note(f"continuing {handle.id} from {filled:,}/{total}; only open slots are asked for")
    async with host_worker(connection.client):
        return (await watch_to_end(connection, await load_run(connection, restarted, request), json=json))[0]


async def rebuild(
    id: RunId, /, *, store: Annotated[str | None, Parameter(help="the store, if no server knows the run")] = None
) -> int:
    """Assemble an ended run's artifact again from the store, byte for byte. No model is called."""
    logs.configure_logging()
    if store is None:
        async with open_connection(start_embedded=True) as connection:
            handle = await attach_run(connection.client, id)
            id, store = handle.id, (await fetch_request(connection.client, handle)).output.store
    plan = await open_run_plan(store, id)
    keys = [OUTPUT_FORMATS[kind].file for kind in plan.request.output.formats]
    digests = {key: _hash(await plan.store.get(key)) for key in keys}
    if not await rebuild_artifact(plan.store):
        raise SetupError(f"run {id} has not ended: there is no report to rebuild from")
    for key, before in digests.items():
        after = _hash(await plan.store.get(key))
        change = "written" if before is None else "the same bytes as before" if before == after else "CHANGED"
        print(f"{plan.store.address_of(key)}: {change}")
    return 0


def _hash(data: bytes | None) -> str | None:
    return hashlib.sha256(data).hexdigest() if data is not None else None

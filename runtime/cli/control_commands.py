"""Commands that steer a run: pause, finish, approve, concurrency, priority, budget, retries, extension."""

from datetime import timedelta
from typing import Annotated, Any

from cyclopts import Parameter
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from quire.commands import starter_command
from runtime import logs
from runtime.cli.app import Json, RunId, RunPriority
from runtime.cli.resume_commands import continue_ended_run
from runtime.errors import SetupError
from runtime.session.run_session import validate_extension
from runtime.temporal import run_priority
from runtime.temporal.connection import Connection, open_connection
from runtime.temporal.runs import Handle, attach_run, fetch_outcome, fetch_request, is_live
from runtime.text import console

UPDATE_TIMEOUT = timedelta(seconds=15)
"""How long a worker may take to answer an update."""


async def pause(id: RunId, /) -> int:
    """Start no further calls; those in flight finish. Continue with: resume."""
    return await _send_signal(id, "pause", "pauses when the calls in flight have finished")


async def finish(id: RunId, /) -> int:
    """Start no further calls, and assemble what has been generated."""
    return await _send_signal(id, "finish_now", "finishing; follow it with: {watch}")


async def approve(id: RunId, /) -> int:
    """Let a run continue that waits for approval of its plan or its first batch."""
    return await _update_live_run(id, "approve")


async def set_concurrency(id: RunId, calls: Annotated[int, Parameter(help="calls in flight, 1 to 1,000")], /) -> int:
    """Change how many calls may be in flight."""
    return await _update_live_run(id, "set_concurrency", calls)


async def set_priority(id: RunId, priority: Annotated[int, Parameter(help="1, the highest, to 5")], /) -> int:
    """Change the priority of a live run; calls that already wait keep their place."""
    logs.configure_logging()
    run_priority.validate_priority(priority)
    async with open_connection(start_embedded=False) as connection:
        handle = await _attach_live_run(connection, id)
        await run_priority.change_priority(connection.client, handle.id, priority)
        print(f"{handle.id}: priority {priority}")
    return 0


async def raise_budget(
    id: RunId,
    /,
    *,
    tokens: Annotated[int | None, Parameter(help="the new cap, tokens in and out")] = None,
    usd: Annotated[float | None, Parameter(help="the new cap, US dollars at list prices")] = None,
) -> int:
    """Raise the caps of a run, such as one that waits at its budget."""
    return await _update_live_run(id, "raise_budget", tokens, usd)


async def retry_failed(id: RunId, /, *, priority: RunPriority = None, json: Json = False) -> int:
    """Try again every slot that gave up, in a live run or an ended one."""
    logs.configure_logging()
    run_priority.validate_priority(priority)
    async with open_connection(start_embedded=True) as connection:
        handle = await attach_run(connection.client, id)
        if await is_live(handle):
            await run_priority.change_priority(connection.client, handle.id, priority)
            return _print_answer(handle, await _execute_update(handle, "retry_failed"), json=json)
        await _require_open_slots(handle)
        return await continue_ended_run(connection, handle, json=json, priority=priority)


async def extend(
    id: RunId,
    more: Annotated[int, Parameter(help="how many items more: +10")],
    /,
    *,
    priority: RunPriority = None,
    json: Json = False,
) -> int:
    """Add items to a run, live or ended: existing items stay, and only the new ones are paid for."""
    logs.configure_logging()
    if more < 1:
        raise SetupError(f"extend by at least 1 item, not {more:,}")
    run_priority.validate_priority(priority)
    async with open_connection(start_embedded=True) as connection:
        handle = await attach_run(connection.client, id)
        if await is_live(handle):
            await run_priority.change_priority(connection.client, handle.id, priority)
            return _print_answer(handle, await _execute_update(handle, "extend", more), json=json)
        # an extension that is impossible must be refused before a new run exists
        await validate_extension(await fetch_request(connection.client, handle), handle.id, more)
        return await continue_ended_run(connection, handle, json=json, more=more, priority=priority)


async def _require_open_slots(handle: Handle) -> None:
    result, _ = await fetch_outcome(handle)
    if result is not None and result.verdict == "complete":
        raise SetupError(f"run {handle.id} is complete: no slot has given up")


async def _send_signal(id: str, name: str, message: str) -> int:
    """Send a signal to a live run and print `message`, in which `{watch}` stands for the command that follows it."""
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await _attach_live_run(connection, id)
        await handle.signal(name)
        print(f"{handle.id}: {message.format(watch=starter_command('watch', handle.id))}")
    return 0


async def _update_live_run(id: str, name: str, *values: Any) -> int:
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await _attach_live_run(connection, id)
        return _print_answer(handle, await _execute_update(handle, name, *values), json=False)


def _print_answer(handle: Handle, answer: str, *, json: bool) -> int:
    """Print a live run's answer to an update."""
    if json:
        console.print_json({"workflow_id": handle.id, "answer": answer})
    else:
        print(f"{handle.id}: {answer}")
    return 0


async def _attach_live_run(connection: Connection, id: str) -> Handle:
    handle = await attach_run(connection.client, id)
    if not await is_live(handle):
        raise SetupError(f"run {handle.id} has ended; retry-failed and extend continue it")
    return handle


async def _execute_update(handle: Handle, name: str, *values: Any) -> str:
    """Return a live run's answer to an update. Raises SetupError with its reason if the run refuses."""
    try:
        return await handle.execute_update(name, args=list(values), result_type=str, rpc_timeout=UPDATE_TIMEOUT)
    except WorkflowUpdateFailedError as error:
        raise SetupError(f"refused: {error.cause}") from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise SetupError(f"no worker answers; start one with: {starter_command('up')}") from None
    except RPCError as error:
        raise SetupError(f"the Temporal server refused: {error.message}") from None

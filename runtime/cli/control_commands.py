"""Commands that steer a run: hold it, widen it, finish it, open slots again, make it longer."""

from datetime import timedelta
from typing import Annotated, Any

from cyclopts import Parameter
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from runtime import logs
from runtime.cli.app import Id, Json, Rank, command
from runtime.cli.resume_commands import go_on
from runtime.cli.slot_commands import can_be_longer
from runtime.errors import SetupError
from runtime.temporal import run_priority
from runtime.temporal.connection import Connection, connected
from runtime.temporal.runs import Handle, attach, is_live, outcome_of, request_of
from runtime.text import console

WAIT = timedelta(seconds=15)


@command
async def pause(id: Id, /) -> int:
    """Start no further calls; those in flight finish. Go on with: resume."""
    return await _signal(id, "pause", "paused as soon as the calls in flight are back")


@command
async def finish(id: Id, /) -> int:
    """Start no further calls and bind what is there."""
    return await _signal(id, "finish_now", "finishing; see it with: uv run starter.py watch {id}")


@command
async def approve(id: Id, /) -> int:
    """Go on with a run that waits for its plan, or its first batch, to be looked at."""
    return await _update(id, "approve")


@command
async def set_concurrency(id: Id, calls: Annotated[int, Parameter(help="calls in flight, 1 to 1000")], /) -> int:
    """Change how many calls may be in flight."""
    return await _update(id, "set_concurrency", calls)


@command
async def set_priority(id: Id, priority: Annotated[int, Parameter(help="1, which goes first, to 5")], /) -> int:
    """Let a live run go before others, or after them; what it has asked for already keeps its place."""
    logs.configure()
    run_priority.checked(priority)
    async with connected(start_embedded=False) as connection:
        handle = await _live(connection, id)
        await run_priority.change(connection.client, handle.id, priority)
        print(f"{handle.id}: priority {priority}")
    return 0


@command
async def raise_budget(
    id: Id,
    /,
    *,
    tokens: Annotated[int | None, Parameter(help="the new cap, tokens in and out")] = None,
    usd: Annotated[float | None, Parameter(help="the new cap, US dollars at list prices")] = None,
) -> int:
    """Give a run that waits at its budget higher caps."""
    return await _update(id, "raise_budget", tokens, usd)


@command
async def retry_failed(id: Id, /, *, priority: Rank = None, json: Json = False) -> int:
    """Open every slot that gave up once more, in a live run or one that has ended."""
    logs.configure()
    run_priority.checked(priority)
    async with connected(start_embedded=True) as connection:
        handle = await attach(connection.client, id)
        if await is_live(handle):
            await run_priority.change(connection.client, handle.id, priority)
            return _told(handle, await _sent(handle, "retry_failed"), json=json)
        await _has_open_slots(handle)
        return await go_on(connection, handle, json=json, priority=priority)


@command
async def extend(
    id: Id,
    more: Annotated[int, Parameter(help="how many items more: +10")],
    /,
    *,
    priority: Rank = None,
    json: Json = False,
) -> int:
    """Make a run longer, live or ended: what is there stays, and only the new items are paid for."""
    logs.configure()
    if more < 1:
        raise SetupError(f"an extension is 1 or more, not {more}")
    run_priority.checked(priority)
    async with connected(start_embedded=True) as connection:
        handle = await attach(connection.client, id)
        if await is_live(handle):
            await run_priority.change(connection.client, handle.id, priority)
            return _told(handle, await _sent(handle, "extend", more), json=json)
        return await _longer(connection, handle, more, priority, json=json)


async def _longer(connection: Connection, handle: Handle, more: int, priority: int | None, *, json: bool) -> int:
    """An ended run: whether it can be made longer is told before a new run exists."""
    await can_be_longer(await request_of(connection.client, handle), handle.id, more)
    return await go_on(connection, handle, json=json, more=more, priority=priority)


async def _has_open_slots(handle: Handle) -> None:
    result, _ = await outcome_of(handle)
    if result is not None and result.verdict == "complete":
        raise SetupError(f"run {handle.id} is complete: no slot has given up")


async def _signal(id: str, name: str, said: str) -> int:
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await _live(connection, id)
        await handle.signal(name)
        print(f"{handle.id}: {said.format(id=handle.id)}")
    return 0


async def _update(id: str, name: str, *values: Any) -> int:
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await _live(connection, id)
        return _told(handle, await _sent(handle, name, *values), json=False)


def _told(handle: Handle, said: str, *, json: bool) -> int:
    """What a live run answers."""
    if json:
        console.print_json({"workflow_id": handle.id, "answer": said})
    else:
        print(f"{handle.id}: {said}")
    return 0


async def _live(connection: Connection, id: str) -> Handle:
    handle = await attach(connection.client, id)
    if not await is_live(handle):
        raise SetupError(f"run {handle.id} has ended; retry-failed and extend go on with it")
    return handle


async def _sent(handle: Handle, name: str, *values: Any) -> str:
    """An update's answer; what the run refuses is a SetupError with its reason."""
    try:
        return await handle.execute_update(name, args=list(values), result_type=str, rpc_timeout=WAIT)
    except WorkflowUpdateFailedError as error:
        raise SetupError(f"refused: {error.cause}") from None
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        raise SetupError("no worker answers; start one with: uv run starter.py up") from None
    except RPCError as error:
        raise SetupError(f"the Temporal server refused: {error.message}") from None

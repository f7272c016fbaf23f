"""Commands that start a run, show it, print its result or cancel it."""

from typing import Annotated

from cyclopts import Parameter

from quire.commands import starter_command
from runtime import logs
from runtime.cli.app import AllowedPaths, Concurrency, Json, Overrides, RequestPath, RunId, RunPriority, list_overrides
from runtime.errors import SetupError
from runtime.request.request_file import load_request
from runtime.session import status_text
from runtime.session.run_session import report_result, run_request, watch_to_end
from runtime.temporal import run_priority
from runtime.temporal.connection import open_connection
from runtime.temporal.runs import attach_run, fetch_request, is_live, load_run
from runtime.text import console
from runtime.worker.host import host_worker


async def run(
    request: RequestPath,
    /,
    *,
    id: Annotated[str | None, Parameter(help="the run's id; the id of an existing run attaches to it")] = None,
    set: Overrides = None,
    allow_path: AllowedPaths = None,
    concurrency: Concurrency = None,
    fresh: Annotated[bool, Parameter(negative=(), help="do not reuse answers that earlier runs paid for")] = False,
    priority: RunPriority = None,
    detach: Annotated[bool, Parameter(negative=(), help="start the run and leave it to other workers")] = False,
    json: Json = False,
) -> int:
    """Start a run, or attach to it, and show it until it ends. Ctrl-C leaves the run as it is, to continue later."""
    logs.configure_logging()
    run_priority.validate_priority(priority)
    checked = load_request(request, list_overrides(set, concurrency, fresh=fresh), allow_path or ())
    code, _ = await run_request(checked, request, id=id, priority=priority, detach=detach, json=json)
    return code


async def watch(id: RunId, /, *, json: Json = False) -> int:
    """Show a run until it ends, with a worker of its own, so that an interrupted run continues."""
    logs.configure_logging()
    async with open_connection(start_embedded=True) as connection:
        handle = await attach_run(connection.client, id)
        run = await load_run(connection, handle)
        if not await is_live(handle):
            return (await report_result(run, json=json, lines=True))[0]
        async with host_worker(connection.client):
            return (await watch_to_end(connection, run, json=json))[0]


async def status(id: RunId, /, *, json: Json = False) -> int:
    """Show the progress of a run."""
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await attach_run(connection.client, id)
        request = await fetch_request(connection.client, handle)
        state = await status_text.fetch_status(connection.client, handle, request)
        if json:
            console.print_json(state)
        else:
            print("\n".join(status_text.format_status(state)))
    return 0


async def result(id: RunId, /, *, json: Json = False) -> int:
    """Print the result of a run that has ended."""
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await attach_run(connection.client, id)
        if await is_live(handle):
            raise SetupError(f"run {handle.id} has not ended; follow it with: {starter_command('watch', handle.id)}")
        return (await report_result(await load_run(connection, handle), json=json))[0]


async def cancel(id: RunId, /) -> int:
    """Cancel a run: calls in flight finish, and what has been generated becomes a partial artifact."""
    logs.configure_logging()
    async with open_connection(start_embedded=False) as connection:
        handle = await attach_run(connection.client, id)
        if not await is_live(handle):
            raise SetupError(f"run {handle.id} has already ended")
        await handle.cancel()
        command = starter_command("watch", handle.id)
        print(f"{handle.id}: cancelling; what has been generated is kept. Follow it with: {command}")
    return 0

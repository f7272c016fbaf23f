"""What `starter.py` can do: each command is a coroutine that returns its exit code."""

import asyncio
import signal
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from runtime import logs
from runtime.cli.app import Concurrency, Id, Json, Overrides, Rank, Target, command, overrides
from runtime.errors import SetupError
from runtime.request.preflight import mlflow_answers
from runtime.request.request_file import load
from runtime.session import status_text
from runtime.session.run_session import run_checked, see_through, tell
from runtime.temporal import embedded_server, run_priority
from runtime.temporal.connection import connected
from runtime.temporal.runs import attach, is_live, request_of
from runtime.temporal.settings import home
from runtime.text import console
from runtime.worker.host import hosted


@command
async def run(
    request: Target,
    /,
    *,
    id: Annotated[str | None, Parameter(help="the run's id; the same id again attaches to that run")] = None,
    set: Overrides = None,
    concurrency: Concurrency = None,
    fresh: Annotated[
        bool, Parameter(negative=(), help="ask anew even where an earlier run paid for the answer")
    ] = False,
    priority: Rank = None,
    detach: Annotated[bool, Parameter(negative=(), help="start the run and leave it to other workers")] = False,
    json: Json = False,
) -> int:
    """Start a run, or attach to it, and show it until it ends. Ctrl-C leaves the run as it is, to go on later."""
    logs.configure()
    run_priority.checked(priority)
    laid = load(request, overrides(set, concurrency, fresh=fresh))
    code, _ = await run_checked(laid, request, id=id, priority=priority, detach=detach, json=json)
    return code


@command
async def check(
    request: Target,
    /,
    *,
    set: Overrides = None,
    concurrency: Concurrency = None,
    id: Annotated[
        str | None, Parameter(help="the id that the run is to have: what it left in the store counts")
    ] = None,
    prompt: Annotated[bool, Parameter(negative=(), help="also show what the first calls send, word for word")] = False,
    json: Json = False,
) -> int:
    """Validate a request and show its plan, the expected tokens and cost, and what is in the store already. No model is
    called."""
    from runtime.preview import preview, preview_text

    laid = load(request, overrides(set, concurrency))
    await mlflow_answers(laid.plan.request)
    told = await preview.expectation(laid, name=id, prompt=prompt)
    if json:
        console.print_json(told)
    else:
        preview_text.show(told, Console(highlight=False))
    return 0


@command
async def watch(id: Id, /, *, json: Json = False) -> int:
    """Show a run until it ends, with a worker of its own, so that an interrupted run goes on."""
    logs.configure()
    async with connected(start_embedded=True) as connection:
        handle = await attach(connection.client, id)
        if not await is_live(handle):
            return (await tell(connection, handle, json=json, lines=True))[0]
        async with hosted(connection.client):
            return (await see_through(connection, handle, json=json))[0]


@command
async def status(id: Id, /, *, json: Json = False) -> int:
    """How far a run is, now."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        shown = await status_text.summary_of(connection.client, handle, await request_of(connection.client, handle))
        if json:
            console.print_json(shown)
        else:
            print("\n".join(status_text.lines(shown)))
    return 0


@command
async def result(id: Id, /, *, json: Json = False) -> int:
    """What came of a run that has ended."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        if await is_live(handle):
            raise SetupError(f"run {handle.id} has not ended; see it with: uv run starter.py watch {handle.id}")
        return (await tell(connection, handle, json=json))[0]


@command
async def cancel(id: Id, /) -> int:
    """Cancel a run: calls in flight finish, and what is there is bound into a partial artifact."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        if not await is_live(handle):
            raise SetupError(f"run {handle.id} has ended already")
        await handle.cancel()
        print(f"{handle.id}: cancelling; what is there is kept: uv run starter.py watch {handle.id}")
    return 0


@command
async def up() -> int:
    """Embedded server, Web UI and a worker until Ctrl-C. Unfinished runs go on by themselves."""
    logs.configure()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with connected(start_embedded=True) as connection:
        async with hosted(connection.client) as worker:
            console.note(f"Temporal   {connection.address}")
            if connection.ui:
                console.note(f"Web UI     {connection.ui}")
            console.note("Model      " + ("offline simulator: text is simulated" if worker.simulated else "endpoint"))
            console.note("Ready. Ctrl-C stops the worker and the embedded server; runs are kept.")
            await stop.wait()
            console.note("Finishing the calls in flight")
        if connection.embedded:
            await embedded_server.stop(home())
    return 0


@command
async def down() -> int:
    """Stop an embedded server that was left running. Runs are kept, and go on at the next start."""
    stopped = await embedded_server.stop(home())
    print("stopped" if stopped else f"no embedded server of {home()} is running")
    return 0

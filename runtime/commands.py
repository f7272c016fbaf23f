"""What `starter.py` can do: each command is a coroutine that returns its exit code."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from obstore.exceptions import BaseError
from temporalio.client import WorkflowExecutionStatus

from activities.documents import upload
from activities.store import Store
from runtime import embedded, logs, screen
from runtime.connect import Connection, connected
from runtime.errors import SetupError
from runtime.preflight import key_is_accepted
from runtime.request_file import Checked, load
from runtime.runs import Handle, attach, find, new_id, outcome_of, start, state_of
from runtime.settings import home
from runtime.watching import follow
from runtime.worker import hosted

app = App(name="starter.py", help="Make a big structured artifact with a language model, durably.", version_flags=[])

Json = Annotated[bool, Parameter(name="--json", negative=(), help="print JSON and nothing else")]
Overrides = Annotated[list[str] | None, Parameter(name="--set", negative=(), help="override a field: target=10")]
Target = Annotated[Path, Parameter(help="the request, YAML or JSON")]
Id = Annotated[str, Parameter(help="the run's workflow id")]


@app.command
async def run(
    request: Target,
    /,
    *,
    id: Annotated[str | None, Parameter(help="the run's id; the same id again attaches to that run")] = None,
    set: Overrides = None,
    detach: Annotated[bool, Parameter(negative=(), help="start the run and leave it to other workers")] = False,
    json: Json = False,
) -> int:
    """Start a run, or attach to it, and show it until it ends. Ctrl-C leaves the run as it is, to go on later."""
    logs.configure()
    checked = load(request, set or [])
    async with connected(start_embedded=True) as connection:
        name = id or new_id(checked.request, request)
        known = await find(connection.client, name)
        if known is None and not detach:
            await key_is_accepted(checked.request.model)
        if detach:
            handle = known or await _begin(connection, name, checked)
            _say_where(connection, handle, json=json, started=known is None)
            return 0
        async with hosted(connection.client) as worker:
            if worker.simulated and checked.plan.request.generator.base_url is None:
                screen.note("no OPENAI_API_KEY or OPENAI_BASE_URL is set: the text will be simulated, not a model's")
            if known is not None:
                screen.note(f"run {name} is there already: watching it")
            return await _see_through(connection, known or await _begin(connection, name, checked), json=json)


async def _begin(connection: Connection, name: str, checked: Checked) -> Handle:
    try:
        store = Store(checked.request.output.store, name)
        request = await upload(checked.request, checked.texts, checked.documents, store)
    except (OSError, ValueError, BaseError) as error:
        said = str(error).splitlines()[0]
        raise SetupError(f"output.store: {checked.request.output.store} cannot be written: {said}") from None
    return await start(connection.client, name, request)


def _say_where(connection: Connection, handle: Handle, *, json: bool, started: bool) -> None:
    if json:
        screen.print_json({"workflow_id": handle.id, "started": started, "web_ui": connection.run_url(handle.id, "")})
        return
    print(f"{handle.id}: {'started' if started else 'was there already'}")
    print("It is worked on wherever a worker is up: uv run starter.py up (here), or uv run worker.py")


async def _see_through(connection: Connection, handle: Handle, *, json: bool) -> int:
    """Watch to the end and print what came of it; Ctrl-C stops the watching only."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    url = connection.run_url(handle.id, (await handle.describe()).run_id)
    screen.note(f"run {handle.id}" + (f"   {url}" if url else ""))
    ended = await follow(handle, stop, live=not json and sys.stderr.isatty())
    if not ended:
        screen.note(
            f"\nNot stopped: the run {handle.id} goes on where it is as soon as a worker is up.\n"
            f"  go on watching   uv run starter.py watch {handle.id}\n"
            f"  cancel it        uv run starter.py cancel {handle.id}"
        )
        return 130
    return await _tell(connection, handle, json=json)


async def _tell(connection: Connection, handle: Handle, *, json: bool) -> int:
    result, failure = await outcome_of(handle)
    url = connection.run_url(handle.id, (await handle.describe()).run_id)
    if result is None:
        message, code = failure or ("the run did not end well", 1)
        if json:
            screen.print_json({"workflow_id": handle.id, "verdict": "failed", "error": message})
        screen.note(f"error: {message}")
        return code
    if json:
        screen.print_json(result.model_dump(mode="json"))
    else:
        screen.table(result, url)
    return {"complete": 0, "partial": 3}.get(result.verdict, 1)


@app.command
async def check(request: Target, /, *, set: Overrides = None, json: Json = False) -> int:
    """Validate a request and show its plan: batches, sizes and expected tokens. No model is called."""
    checked = load(request, set or [])
    expected = screen.expectation(checked)
    if json:
        screen.print_json(expected)
    else:
        screen.plan(expected)
    return 0


@app.command
async def watch(id: Id, /, *, json: Json = False) -> int:
    """Show a run until it ends, with a worker of its own, so that an interrupted run goes on."""
    logs.configure()
    async with connected(start_embedded=True) as connection:
        handle = await attach(connection.client, id)
        if (await handle.describe()).status != WorkflowExecutionStatus.RUNNING:
            return await _tell(connection, handle, json=json)
        async with hosted(connection.client):
            return await _see_through(connection, handle, json=json)


@app.command
async def status(id: Id, /, *, json: Json = False) -> int:
    """How far a run is, now."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        shown = await state_of(await attach(connection.client, id))
        if json:
            screen.print_json(shown)
        else:
            print("\n".join(f"{key:12} {value}" for key, value in shown.items() if not isinstance(value, dict)))
    return 0


@app.command
async def result(id: Id, /, *, json: Json = False) -> int:
    """What came of a run that has ended."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        if (await handle.describe()).status == WorkflowExecutionStatus.RUNNING:
            raise SetupError(f"run {id} has not ended; see it with: uv run starter.py watch {id}")
        return await _tell(connection, handle, json=json)


@app.command(name="list")
async def list_(*, json: Json = False) -> int:
    """All runs that the server knows, the newest first."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        rows = [
            {
                "workflow_id": one.id,
                "status": one.status.name.lower() if one.status else "unknown",
                "started": one.start_time.isoformat(timespec="seconds"),
            }
            async for one in connection.client.list_workflows("WorkflowType = 'GenerateArtifact'", limit=200)
        ]
    if json:
        screen.print_json(rows)
    else:
        screen.rows(rows, empty="no runs yet; start one with: uv run starter.py run examples/oq_suite.yaml")
    return 0


@app.command
async def cancel(id: Id, /) -> int:
    """Cancel a run: calls in flight finish, and what is there is bound into a partial artifact."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        if (await handle.describe()).status != WorkflowExecutionStatus.RUNNING:
            raise SetupError(f"run {id} has ended already")
        await handle.cancel()
        print(f"{id}: cancelling; what is there is kept: uv run starter.py watch {id}")
    return 0


@app.command
async def up() -> int:
    """Embedded server, Web UI and a worker until Ctrl-C. Unfinished runs go on by themselves."""
    logs.configure()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with connected(start_embedded=True) as connection:
        async with hosted(connection.client) as worker:
            screen.note(f"Temporal   {connection.address}")
            if connection.ui:
                screen.note(f"Web UI     {connection.ui}")
            screen.note("Model      " + ("offline simulator: text is simulated" if worker.simulated else "endpoint"))
            screen.note("Ready. Ctrl-C stops the worker and the embedded server; runs are kept.")
            await stop.wait()
            screen.note("Finishing the calls in flight")
        if connection.embedded:
            await embedded.stop(home())
    return 0


@app.command
async def down() -> int:
    """Stop an embedded server that was left running. Runs are kept, and go on at the next start."""
    stopped = await embedded.stop(home())
    print("stopped" if stopped else f"no embedded server of {home()} is running")
    return 0

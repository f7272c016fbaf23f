"""A run from the person's side: begin it, see it through, tell what came of it."""

import asyncio
import importlib
import signal
from pathlib import Path

from obstore.exceptions import BaseError
from temporalio.service import RPCError

from activities.documents.input_files import upload
from activities.duplicates import existing_items
from activities.store.object_store import Store
from quire.progress import Result
from quire.request import Request
from runtime import logs
from runtime.cli.slot_commands import can_be_longer
from runtime.errors import SetupError
from runtime.request.preflight import keys_are_accepted, mlflow_answers
from runtime.request.request_file import Checked
from runtime.session.follow import Unreachable, follow, shows
from runtime.temporal import run_priority
from runtime.temporal.connection import Connection, connected
from runtime.temporal.diagnosis import others
from runtime.temporal.runs import Handle, find, is_live, new_id, outcome_of, progress_soon, request_of, start
from runtime.temporal.settings import TASK_QUEUE
from runtime.text import console, result_text
from runtime.text.wording import several
from runtime.worker.host import hosted
from runtime.worker.process_exit import leave

LAID_AGAIN = 5000
"""Items up to which it is tried whether a run could be made longer, only to say so."""
Ended = tuple[int, Result | None]
"""The exit code, and what came of a run that was seen to its end."""


async def run_checked(
    checked: Checked,
    named: Path,
    *,
    id: str | None,
    json: bool,
    priority: int | None = None,
    detach: bool = False,
) -> Ended:
    """Start a run, or attach to the one of this id, and see it through. `named` gives a new id its name; a `priority`
    holds for a live run that is there already, too."""
    if not detach:
        # what calls need takes a third of a second to import: that goes on while the server is waited for
        asyncio.get_running_loop().run_in_executor(None, importlib.import_module, "activities.generate_batch")
    async with connected(start_embedded=True) as connection:
        name = id or new_id(checked.request, named)
        known = await find(connection.client, name)
        if known is None and not detach:
            await keys_are_accepted(checked.plan.request)
            await mlflow_answers(checked.plan.request)
        elif known is not None and await is_live(known):
            await run_priority.change(connection.client, name, priority)
        if detach:
            handle = known or await begin(connection, name, checked, priority)
            _say_where(connection, handle, json=json, started=known is None)
            return 0, None
        async with hosted(connection.client) as worker:
            if worker.simulated and checked.plan.request.generator.base_url is None:
                console.note("no OPENAI_API_KEY or OPENAI_BASE_URL is set: the text will be simulated, not a model's")
            if known is not None:
                console.note(f"run {name} is there already: watching it")
            return await see_through(connection, known or await begin(connection, name, checked, priority), json=json)


def _say_where(connection: Connection, handle: Handle, *, json: bool, started: bool) -> None:
    if json:
        console.print_json({"workflow_id": handle.id, "started": started, "web_ui": connection.run_url(handle.id, "")})
        return
    print(f"{handle.id}: {'started' if started else 'was there already'}")
    print("It is worked on wherever a worker is up: uv run starter.py up (here), or uv run worker.py")


async def begin(connection: Connection, name: str, checked: Checked, priority: int | None = None) -> Handle:
    """Put the request's files into the store and start the run."""
    try:
        store = Store(checked.request.output.store, name)
        request = await upload(checked.request, checked.texts, checked.documents, store)
        request = await existing_items.upload(request, store)
    except (OSError, ValueError, BaseError) as error:
        said = str(error).splitlines()[0]
        raise SetupError(f"output.store: {checked.request.output.store} cannot be written: {said}") from None
    return await start(connection.client, name, request, priority=priority)


async def see_through(connection: Connection, handle: Handle, *, json: bool) -> Ended:
    """Watch to the end and print what came of it; Ctrl-C stops the watching only, a second one the waiting after it.

    With `json`, standard output gets JSON lines: progress, and at last the result.
    """
    logs.told_in_words()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _asked_to_stop, stop)
    url = connection.run_url(handle.id, (await handle.describe()).run_id)
    console.note(f"run {handle.id}" + (f"   {url}" if url else ""))
    try:
        seen = await follow(connection.client, handle, stop, shows(json=json))
        if seen == "ended":
            return await tell(connection, handle, json=json, lines=True)
        if seen == "broken":
            return await _broken(handle, json=json), None
        await _left(connection, handle)
    except Unreachable as error:
        return _unreachable(handle, str(error), json=json), None
    except RPCError as error:  # between two looks
        why = f"the Temporal server at {connection.address} failed: {error.message}"
        return _unreachable(handle, why, json=json), None
    return 130, None


async def _extendable(request: Request, result: Result) -> bool:
    if result.verdict != "complete" or result.target > LAID_AGAIN:
        return False
    try:
        await can_be_longer(request, result.workflow_id, 10)
    except SetupError:
        return False
    return True


def _asked_to_stop(stop: asyncio.Event) -> None:
    if stop.is_set():
        leave(130)
    stop.set()


async def _left(connection: Connection, handle: Handle) -> None:
    """Tell a person who has stopped watching what becomes of the run, and how to come back to it."""
    client, id = connection.client, handle.id
    try:
        working = await others(client, TASK_QUEUE, but=client.identity)
    except RPCError:
        working = []
    if working:
        said = [f"Not stopped: the run {id} goes on, worked on by {several(len(working), 'other worker')}."]
    else:
        said = [f"Not stopped: the run {id} waits where it is, with all that is made, until a worker is up."]
        said.append("  go on unwatched  uv run starter.py up")
    console.note(
        "\n".join(
            [
                *said,
                f"  go on watching   uv run starter.py watch {id}",
                f"  finish it now    uv run starter.py finish {id}",
                f"  cancel it        uv run starter.py cancel {id}",
                "Calls in flight are paid for, so they may finish first, in half a minute at most. Ctrl-C again leaves "
                "at once.",
            ]
        )
    )


def _unreachable(handle: Handle, why: str, *, json: bool) -> int:
    if json:
        console.print_line({"workflow_id": handle.id, "verdict": None, "trouble": why})
    console.note(f"error: {why}\nThen go on watching with: uv run starter.py watch {handle.id}")
    return 1


async def _broken(handle: Handle, *, json: bool) -> int:
    """The run is paused until somebody mends what is wrong; all that was made is kept."""
    progress = await progress_soon(handle)
    why = progress.why if progress else "the run waits for something to be mended"
    if json:
        console.print_line({"workflow_id": handle.id, "verdict": None, "paused": why})
    console.note(f"error: paused, with all that is there kept: {why}")
    return 2


async def tell(connection: Connection, handle: Handle, *, json: bool, lines: bool = False) -> Ended:
    """Print an ended run's result; the exit code. `lines`: its JSON is the last of several lines."""
    result, failure = await outcome_of(handle)
    say = console.print_line if lines else console.print_json
    if result is None:
        message, code = failure or ("the run did not end well", 1)
        if json:
            say({"workflow_id": handle.id, "verdict": "failed", "error": message})
        console.note(f"error: {message}")
        return code, None
    if json:
        say(result.model_dump(mode="json"))
    else:
        url = connection.run_url(handle.id, (await handle.describe()).run_id)
        request = await request_of(connection.client, handle)
        extendable = await _extendable(request, result)
        result_text.tell(result, result_text.files_of(result, request), url, extendable=extendable)
    return {"complete": 0, "partial": 3}.get(result.verdict, 1), result

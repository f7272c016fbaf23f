"""A run from the person's side: begin it, see it through, tell what came of it."""

import asyncio
import signal
import sys
from pathlib import Path

from obstore.exceptions import BaseError

from activities import outside
from activities.documents import upload
from activities.store import Store
from quire.progress import Result
from runtime import ranks, screen
from runtime.connect import Connection, connected
from runtime.errors import SetupError
from runtime.preflight import keys_are_accepted, mlflow_answers
from runtime.request_file import Checked
from runtime.runs import Handle, find, is_live, new_id, outcome_of, progress_soon, start
from runtime.watching import follow
from runtime.worker import hosted

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
    async with connected(start_embedded=True) as connection:
        name = id or new_id(checked.request, named)
        known = await find(connection.client, name)
        if known is None and not detach:
            await keys_are_accepted(checked.plan.request)
            await mlflow_answers(checked.plan.request)
        elif known is not None and await is_live(known):
            await ranks.change(connection.client, name, priority)
        if detach:
            handle = known or await begin(connection, name, checked, priority)
            _say_where(connection, handle, json=json, started=known is None)
            return 0, None
        async with hosted(connection.client) as worker:
            if worker.simulated and checked.plan.request.generator.base_url is None:
                screen.note("no OPENAI_API_KEY or OPENAI_BASE_URL is set: the text will be simulated, not a model's")
            if known is not None:
                screen.note(f"run {name} is there already: watching it")
            return await see_through(connection, known or await begin(connection, name, checked, priority), json=json)


def _say_where(connection: Connection, handle: Handle, *, json: bool, started: bool) -> None:
    if json:
        screen.print_json({"workflow_id": handle.id, "started": started, "web_ui": connection.run_url(handle.id, "")})
        return
    print(f"{handle.id}: {'started' if started else 'was there already'}")
    print("It is worked on wherever a worker is up: uv run starter.py up (here), or uv run worker.py")


async def begin(connection: Connection, name: str, checked: Checked, priority: int | None = None) -> Handle:
    """Put the request's files into the store and start the run."""
    try:
        store = Store(checked.request.output.store, name)
        request = await upload(checked.request, checked.texts, checked.documents, store)
        request = await outside.upload(request, store)
    except (OSError, ValueError, BaseError) as error:
        said = str(error).splitlines()[0]
        raise SetupError(f"output.store: {checked.request.output.store} cannot be written: {said}") from None
    return await start(connection.client, name, request, priority=priority)


async def see_through(connection: Connection, handle: Handle, *, json: bool) -> Ended:
    """Watch to the end and print what came of it; Ctrl-C stops the watching only."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    url = connection.run_url(handle.id, (await handle.describe()).run_id)
    screen.note(f"run {handle.id}" + (f"   {url}" if url else ""))
    seen = await follow(handle, stop, live=not json and sys.stderr.isatty())
    if seen == "broken":
        return await _broken(handle, json=json), None
    if seen == "stopped":
        screen.note(
            f"\nNot stopped: the run {handle.id} goes on where it is as soon as a worker is up.\n"
            f"  go on watching   uv run starter.py watch {handle.id}\n"
            f"  cancel it        uv run starter.py cancel {handle.id}"
        )
        return 130, None
    return await tell(connection, handle, json=json)


async def _broken(handle: Handle, *, json: bool) -> int:
    """The run is paused until somebody mends what is wrong; all that was made is kept."""
    progress = await progress_soon(handle)
    why = progress.why if progress else "the run waits for something to be mended"
    if json:
        screen.print_json({"workflow_id": handle.id, "verdict": None, "paused": why})
    screen.note(f"error: paused, with all that is there kept: {why}")
    return 2


async def tell(connection: Connection, handle: Handle, *, json: bool) -> Ended:
    """Print an ended run's result; the exit code."""
    result, failure = await outcome_of(handle)
    url = connection.run_url(handle.id, (await handle.describe()).run_id)
    if result is None:
        message, code = failure or ("the run did not end well", 1)
        if json:
            screen.print_json({"workflow_id": handle.id, "verdict": "failed", "error": message})
        screen.note(f"error: {message}")
        return code, None
    if json:
        screen.print_json(result.model_dump(mode="json"))
    else:
        screen.table(result, url)
    return {"complete": 0, "partial": 3}.get(result.verdict, 1), result

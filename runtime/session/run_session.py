"""A run from a terminal: started, watched to its end, and its result printed."""

import asyncio
import importlib
import signal
from dataclasses import replace
from pathlib import Path

from obstore.exceptions import BaseError
from temporalio.service import RPCError

from activities.documents.input_files import upload_input_files
from activities.duplicates import existing_items
from activities.model.environment import explain_bad_address
from activities.store import plan_file
from activities.store.object_store import Store
from quire.commands import starter_command
from quire.progress import Result
from quire.request import Request
from recipes.base.recipe import InputError
from recipes.planning import extend_plan
from runtime import logs
from runtime.errors import SetupError
from runtime.request.preflight import check_keys, check_mlflow
from runtime.request.request_file import CheckedRequest
from runtime.request.store_probe import probe_store
from runtime.session.follow import ServerUnreachable, choose_renderers, follow_run
from runtime.temporal import run_priority
from runtime.temporal.connection import Connection, open_connection
from runtime.temporal.diagnosis import list_workers
from runtime.temporal.runs import (
    RunHandle,
    create_run_id,
    fetch_outcome,
    find_run,
    is_live,
    load_run,
    start_run,
    validate_new_id,
    wait_for_progress,
)
from runtime.temporal.settings import TASK_QUEUE, read_model_environment
from runtime.text import console, result_text
from runtime.text.wording import format_count
from runtime.worker.current_process import exit_now
from runtime.worker.host import host_worker

MAX_ITEMS_TO_EXTEND = 5000
"""Items of a run up to which its extension is tried out, only to mention the command `extend`."""
SessionEnd = tuple[int, Result | None]
"""The exit code, and the result of a run that was watched to its end."""


async def run_request(
    checked: CheckedRequest,
    path: Path,
    *,
    id: str | None,
    json: bool,
    priority: int | None = None,
    detach: bool = False,
) -> SessionEnd:
    """Start a run, or attach to the existing run `id`, and watch it to its end unless `detach` is set.

    Without an `id`, the run's id is made from the request and its `path`. A `priority` also changes that of a live run.
    Raises SetupError if the endpoint, MLflow or the store refuses what the request names.
    """
    if id is not None:
        validate_new_id(id)
    if not detach:
        # the imports that calls need take a third of a second, which passes while the server is waited for
        asyncio.get_running_loop().run_in_executor(None, importlib.import_module, "activities.generate_batch")
    async with open_connection(start_embedded=True) as connection:
        name = create_run_id(checked.request, path) if id is None else id
        existing = await find_run(connection.client, name)
        if existing is None:
            await probe_store(checked.request.output.store)
        if existing is None and not detach:
            await check_keys(checked.plan.request, ask=not json)
            await check_mlflow(checked.plan.request)
        elif existing is not None and await is_live(existing):
            await run_priority.change_priority(connection.client, name, priority)
        if detach:
            if existing is None:
                await begin_run(connection, name, checked, priority, has_worker=False)
            _report_detached(connection, name, json=json, started=existing is None)
            return 0, None
        async with host_worker(connection.client) as worker:
            if worker.simulated and checked.plan.request.generator.base_url is None:
                console.print_note(
                    "no OPENAI_API_KEY or OPENAI_BASE_URL is set: the text will be simulated, not a model's"
                )
            if existing is not None:
                console.print_note(f"run {name} exists already; watching it")
                return await watch_to_end(connection, await load_run(connection, existing), json=json)
            return await watch_to_end(connection, await begin_run(connection, name, checked, priority), json=json)


async def begin_run(
    connection: Connection,
    name: str,
    checked: CheckedRequest,
    priority: int | None = None,
    *,
    has_worker: bool = True,
) -> RunHandle:
    """Upload the request's files to the store and start the run. Raises SetupError if the store cannot be written.

    The run will call the endpoints of this process; without a worker of its own and without an endpoint, those of the
    worker that plans it.
    """
    environment = read_model_environment()
    if wrong := explain_bad_address(environment.own_address):
        raise SetupError(f"OPENAI_BASE_URL: {wrong}")
    if has_worker or not environment.is_offline:
        checked = replace(checked, request=checked.request.with_default_address(environment.own_address))
    try:
        store = Store(checked.request.output.store, name)
        request = await upload_input_files(checked.request, checked.texts, checked.documents, store)
        request = await existing_items.upload_existing_items(request, store)
    except (OSError, ValueError, BaseError) as error:
        reason = str(error).splitlines()[0]
        raise SetupError(f"output.store: {checked.request.output.store} cannot be written: {reason}") from None
    handle = await start_run(connection.client, name, request, priority=priority)
    return await load_run(connection, handle, request)


def _report_detached(connection: Connection, id: str, *, json: bool, started: bool) -> None:
    if json:
        url = connection.build_run_url(id, "")
        console.print_json({"workflow_id": id, "started": started, "web_ui": url})
        return
    print(f"{id}: {'started' if started else 'exists already'}")
    print(f"Any worker processes it; start one with: {starter_command('up')} (here), or uv run worker.py")


async def watch_to_end(connection: Connection, run: RunHandle, *, json: bool) -> SessionEnd:
    """Watch a run to its end and print its result.

    The first Ctrl-C stops only the watching, a second one also the waiting for calls in flight. With `json`, standard
    output gets JSON lines: progress, and finally the result.
    """
    logs.hide_retry_messages()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, _stop_or_exit, stop)
    console.print_note(f"run {run.id}" + (f"   {run.url}" if run.url else ""))
    try:
        end = await follow_run(connection.client, run.handle, stop, choose_renderers(json=json))
        if end == "ended":
            latest = await load_run(connection, run.handle, run.request)  # it may have continued as new: another page
            return await report_result(latest, json=json, lines=True)
        if end == "needs fix":
            return await _explain_pause(run, json=json), None
        await _explain_detach(connection, run.id)
    except ServerUnreachable as error:
        return _explain_no_server(run.id, str(error), json=json), None
    except RPCError as error:  # between two polls
        reason = f"the Temporal server at {connection.address} failed: {error.message}"
        return _explain_no_server(run.id, reason, json=json), None
    return 130, None


def _stop_or_exit(stop: asyncio.Event) -> None:
    if stop.is_set():
        exit_now(130)
    stop.set()


async def _explain_detach(connection: Connection, id: str) -> None:
    """Print what becomes of a run that is no longer watched, and how to come back to it."""
    client = connection.client
    try:
        workers = await list_workers(client, TASK_QUEUE, except_identity=client.identity)
    except RPCError:
        workers = []
    if workers:
        lines = [f"Not stopped: the run {id} continues on {format_count(len(workers), 'other worker')}."]
    else:
        lines = [f"Not stopped: the run {id} waits, with everything generated so far, until a worker is up."]
        lines.append(f"  continue unwatched  {starter_command('up')}")
    lines += [
        f"  watch it again      {starter_command('watch', id)}",
        f"  finish it now       {starter_command('finish', id)}",
        f"  cancel it           {starter_command('cancel', id)}",
        "Calls in flight are paid for, so they may finish first, which takes half a minute at most. "
        "Ctrl-C again exits at once.",
    ]
    console.print_note("\n".join(lines))


def _explain_no_server(id: str, reason: str, *, json: bool) -> int:
    """Print that the server was lost and how to watch the run again; return the exit code."""
    if json:
        console.print_json_line({"workflow_id": id, "verdict": None, "trouble": reason})
    console.print_note(f"error: {reason}\nThen watch the run again with: {starter_command('watch', id)}")
    return 1


async def _explain_pause(run: RunHandle, *, json: bool) -> int:
    """Print what a person must fix before the run can continue; return the exit code."""
    progress = await wait_for_progress(run.handle)
    reason = progress.why if progress else "the run waits for something to be fixed"
    if json:
        console.print_json_line({"workflow_id": run.id, "verdict": None, "paused": reason})
    console.print_note(f"error: paused, everything generated so far is kept: {reason}")
    return 2


async def report_result(run: RunHandle, *, json: bool, lines: bool = False) -> SessionEnd:
    """Print the result of an ended run and return it with the exit code.

    `json` prints it as JSON; with `lines` in one line, as the last of several JSON lines.
    """
    result, failure = await fetch_outcome(run.handle)
    print_json = console.print_json_line if lines else console.print_json
    if result is None:
        message, exit_code = failure or ("the run failed without a message", 1)
        if json:
            print_json({"workflow_id": run.id, "verdict": "failed", "error": message})
        console.print_note(f"error: {message}")
        return exit_code, None
    if json:
        print_json(result.model_dump(mode="json"))
    else:
        files = result_text.list_result_files(result, run.request)
        extendable = await _is_extendable(run.request, result)
        result_text.print_result(result, files, run.url, extendable=extendable)
    return {"complete": 0, "partial": 3}.get(result.verdict, 1), result


async def validate_extension(request: Request, id: str, more: int) -> None:
    """Raise SetupError if `more` slots cannot be added to the plan of the run `id`."""
    store_address = request.output.store
    plan = await plan_file.read_plan(Store(store_address, id))
    if plan is None:
        raise SetupError(plan_file.missing_plan_message(store_address, id))
    try:
        extend_plan(plan, more)
    except InputError as error:
        raise SetupError(str(error)) from None


async def _is_extendable(request: Request, result: Result) -> bool:
    if result.verdict != "complete" or result.target > MAX_ITEMS_TO_EXTEND:
        return False
    try:
        await validate_extension(request, result.workflow_id, 10)
    except SetupError:
        return False
    return True

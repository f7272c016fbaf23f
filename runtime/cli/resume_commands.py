"""Commands that take up a run again: go on from where it stopped, bind it anew."""

import hashlib
from typing import Annotated

from cyclopts import Parameter

from activities.assemble_artifact import rebuild as rebound
from activities.output.formats import FORMS
from activities.store import plan_file
from activities.store.batch_files import open_shelf
from activities.store.object_store import Store
from quire.progress import Progress
from runtime import logs
from runtime.cli.app import Id, Json, Rank, command
from runtime.errors import SetupError
from runtime.session.run_session import see_through, tell
from runtime.temporal import run_priority
from runtime.temporal.connection import Connection, connected
from runtime.temporal.runs import Handle, attach, is_live, outcome_of, progress_soon, request_of, start_again
from runtime.text import console
from runtime.worker.host import hosted


@command
async def resume(id: Id, /, *, priority: Rank = None, json: Json = False) -> int:
    """Go on with a run that was paused, interrupted, cancelled or ended partial; nothing is paid for twice."""
    logs.configure()
    run_priority.checked(priority)
    async with connected(start_embedded=True) as connection:
        handle = await attach(connection.client, id)
        if not await is_live(handle):
            result, _ = await outcome_of(handle)
            if result is not None and result.verdict == "complete":
                console.note(f"run {handle.id} is complete already")
                return (await tell(connection, handle, json=json, lines=True))[0]
            return await go_on(connection, handle, json=json, priority=priority)
        await run_priority.change(connection.client, handle.id, priority)
        async with hosted(connection.client):
            progress = await progress_soon(handle)
            if progress is not None:
                _say(handle.id, progress)
            await handle.signal("resume")
            return (await see_through(connection, handle, json=json))[0]


def _say(id: str, progress: Progress) -> None:
    if progress.target:
        console.note(f"going on with {id} from {progress.items}/{progress.target}")
    else:
        console.note(f"going on with {id} from the plan")


async def go_on(
    connection: Connection, handle: Handle, *, json: bool, more: int = 0, priority: int | None = None
) -> int:
    """Take an ended run over: what is filled stays, what is open, and `more`, is made."""
    request = await request_of(connection.client, handle)
    store = Store(request.output.store, handle.id)
    plan = await plan_file.read(store)
    there = len(await open_shelf(store))
    again = await start_again(connection.client, handle.id, request, more=more, priority=priority)
    total = len(plan.slots) + more if plan else "?"
    console.note(f"going on with {handle.id} from {there}/{total}; only what is open is asked for")
    async with hosted(connection.client):
        return (await see_through(connection, again, json=json))[0]


@command
async def rebuild(
    id: Id, /, *, store: Annotated[str | None, Parameter(help="the store, where no server knows the run")] = None
) -> int:
    """Bind an ended run's artifact again from what the store holds, byte for byte. No model is called."""
    logs.configure()
    if store is None:
        async with connected(start_embedded=True) as connection:
            handle = await attach(connection.client, id)
            id, store = handle.id, (await request_of(connection.client, handle)).output.store
    files = Store(store, id)
    plan = await plan_file.read(files)
    if plan is None:
        raise SetupError(f"{files.where(plan_file.KEY)} is missing: the store does not hold this run")
    addresses = [FORMS[kind].file for kind in plan.request.output.formats]
    before = {key: _digest(await files.get(key)) for key in addresses}
    if not await rebound(files):
        raise SetupError(f"run {id} has not ended: there is no report to rebuild from")
    for key in addresses:
        was, now = before[key], _digest(await files.get(key))
        said = "written" if was is None else "the same bytes as before" if was == now else "CHANGED"
        print(f"{files.where(key)}: {said}")
    return 0


def _digest(data: bytes | None) -> str | None:
    return hashlib.sha256(data).hexdigest() if data is not None else None

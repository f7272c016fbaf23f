"""`failed`: every slot that gave up, with its reason."""

import json as codec

from activities.report.ledger import KEY
from activities.store.object_store import Store
from runtime import logs
from runtime.cli.app import Id, Json, command
from runtime.errors import SetupError
from runtime.temporal.connection import connected
from runtime.temporal.runs import attach, is_live, request_of
from runtime.text import console
from runtime.text.wording import printable


@command
async def failed(id: Id, /, *, json: Json = False) -> int:
    """List every slot of an ended run that is missing, with its reason."""
    logs.configure()
    async with connected(start_embedded=False) as connection:
        handle = await attach(connection.client, id)
        id = handle.id
        if await is_live(handle):
            raise SetupError(f"run {id} has not ended; how far it is: uv run starter.py status {id}")
        store = Store((await request_of(connection.client, handle)).output.store, id)
    if await store.get("report.json") is None:
        raise SetupError(f"{store.where(KEY)} is missing: the store does not hold this run")
    missing = 0
    async for line in store.lines(KEY):
        told = codec.loads(line)
        if told["verdict"] != "failed":
            continue
        missing += 1
        said = {"slot": told["slot"], "reason": told["reason"]}
        print(codec.dumps(said, ensure_ascii=False) if json else printable(f"{said['slot']}: {said['reason']}"))
    if not missing:
        console.note(f"run {id} has no missing slot")
    return 0

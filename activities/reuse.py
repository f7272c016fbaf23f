"""Answers that one run paid for and another finds: the store's own memory of where each good answer lies."""

import json

from activities.store.answers import Answer
from activities.store.object_store import Store

NOTES = ".answers"
"""Where the notes are: a folder among those of the runs."""


def _key(name: str) -> str:
    return f"{name[:2]}/{name}.json"


async def remember(store: Store, name: str) -> None:
    """A good answer of this run lies under `responses/<name>.json`; the note of it holds no text. It takes the place of
    an older one, whose run may have been removed."""
    await store.beside(NOTES).put(_key(name), json.dumps({"run": store.workflow_id}).encode())


async def payer(store: Store, name: str) -> str | None:
    """The run that paid for the answer to this call, as the note says; None where there is no note."""
    note = await store.beside(NOTES).get(_key(name))
    return str(json.loads(note)["run"]) if note else None


async def find(store: Store, name: str) -> Answer | None:
    """The answer to the very same call that another run in this store paid for, or None. What was removed with its
    run is not found."""
    run = await payer(store, name)
    if run is None or not store.holds(run):
        return None
    data = await store.beside(run).get(f"responses/{name}.json")
    return Answer.load(data) if data is not None else None

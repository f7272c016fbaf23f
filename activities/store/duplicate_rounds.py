"""Results of the duplicate check, one file per round: which items were rejected, and which of those were kept."""

import json
from collections.abc import AsyncIterator
from typing import Any

from activities.store.object_store import Store

_FOLDER = "duplicates/"
Rejection = dict[str, Any]
"""`{"file", "of", "likeness", "avoid"}`: the batch file of the rejected item, the item it repeats and how similar they
are. Also `kept`, a batch file, if the last round keeps the candidate in that file because it is the least similar."""


def rejections_key(round_: int) -> str:
    """Return the key of a round's rejections."""
    return f"{_FOLDER}round-{round_}.json"


async def list_rounds(store: Store) -> AsyncIterator[int]:
    """Yield the rounds of the duplicate check that are in the store."""
    async for key in store.list_sorted_keys(_FOLDER):
        number = key.rpartition("round-")[2].removesuffix(".json")
        if number.isdecimal():
            yield int(number)


async def read_rejections(store: Store, round_: int) -> dict[int, Rejection]:
    """Read what a round rejected, by slot number; empty if there was no such round."""
    data = await store.get(rejections_key(round_)) or b"{}"
    return {int(number): rejection for number, rejection in json.loads(data).items()}


async def list_rejected_items(store: Store, *, before: int | None = None) -> set[tuple[str, int]]:
    """Return batch file and slot number of each item that a round (earlier than `before`) rejected and none kept."""
    rejected: set[tuple[str, int]] = set()
    kept_files: dict[int, str] = {}
    async for round_ in list_rounds(store):
        if before is None or round_ < before:
            for number, rejection in (await read_rejections(store, round_)).items():
                rejected.add((rejection["file"], number))
                if "kept" in rejection:
                    kept_files[number] = rejection["kept"]
    return rejected - {(file, number) for number, file in kept_files.items()}


async def read_kept_duplicates(store: Store) -> dict[int, dict[str, Any]]:
    """Return `{"duplicate_of", "likeness"}` of each slot whose item was kept although it repeats another's."""
    duplicates: dict[int, dict[str, Any]] = {}
    async for round_ in list_rounds(store):
        for number, rejection in (await read_rejections(store, round_)).items():
            if "kept" in rejection:
                duplicates[number] = {"duplicate_of": rejection["of"], "likeness": rejection["likeness"]}
    return duplicates

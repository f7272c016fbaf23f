"""Existing items that a run must not repeat: in files of JSON Lines, and in earlier runs in the same store."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from activities.documents.input_files import STORE_PREFIX, read_input_file
from activities.documents.readable_folders import ReadableFolders
from activities.store.item_index import open_item_index
from activities.store.object_store import Store, hash_content, may_hold_run
from quire.request import Request
from recipes.base.json_lines import parse_json_lines
from recipes.base.recipe import InputError

Item = Mapping[str, Any]


def check_existing_items(
    request: Request, fields: tuple[str, ...], base: Path, readable: ReadableFolders | None = None
) -> Request:
    """Return the request with absolute paths in `duplicates.against`.

    Raises InputError if an entry is neither a readable file whose lines have a compared field nor a run in the store.
    """
    entries: list[str] = []
    for index, entry in enumerate(request.duplicates.against):
        field, path = f"duplicates.against.{index}", base / Path(entry).expanduser()
        if entry.startswith(STORE_PREFIX):
            entries.append(entry)
        elif path.is_file():
            if readable is not None:
                readable.require(path, field)
            parse_existing_items(read_input_file(path, field), str(path), fields, field)
            entries.append(str(path.resolve()))
        elif not may_hold_run(request.output.store, entry):
            raise InputError(field, f"'{entry}' is neither a file nor a run in {request.output.store}")
        else:
            entries.append(entry)
    return _replace_against(request, entries)


async def upload_existing_items(request: Request, store: Store) -> Request:
    """Write the files in `duplicates.against` to the store, and return a request that names them there."""
    entries: list[str] = []
    for entry in request.duplicates.against:
        path = Path(entry)
        if path.is_absolute() and path.is_file():
            data = path.read_bytes()
            key = f"inputs/{hash_content(data)[:8]}/{path.name}"
            await store.put_once(key, data)
            entry = STORE_PREFIX + key
        entries.append(entry)
    return _replace_against(request, entries)


async def iter_existing_items(
    store: Store, request: Request, fields: tuple[str, ...]
) -> AsyncIterator[tuple[str, Item]]:
    """Yield every existing item with its name: `FILE:LINE`, or `RUN #SLOT`."""
    for index, entry in enumerate(request.duplicates.against):
        if entry.startswith(STORE_PREFIX):
            key = entry.removeprefix(STORE_PREFIX)
            text = (await store.get(key) or b"").decode()
            for number, item in parse_existing_items(text, key, fields, f"duplicates.against.{index}"):
                yield f"{Path(key).name}:{number}", item
            continue
        items = await open_item_index(store.open_other_run(entry))
        for number in items.iter_slot_numbers():
            row = await items.read_row(number)
            if row is not None:
                yield f"{entry} #{number}", row["item"]


def parse_existing_items(text: str, name: str, fields: tuple[str, ...], field: str) -> list[tuple[int, Item]]:
    """Return line number and item of each line of a file. Raises InputError if a line lacks all compared fields."""
    numbered: list[tuple[int, Item]] = []
    for number, item in parse_json_lines(text, name, field):
        if fields and not any(compared in item for compared in fields):
            raise InputError(field, f"{name}:{number} has none of the compared fields: {', '.join(fields)}")
        numbered.append((number, item))
    return numbered


def _replace_against(request: Request, against: list[str]) -> Request:
    if not against:
        return request
    changed = request.duplicates.model_copy(update={"against": tuple(against)})
    return request.model_copy(update={"duplicates": changed})

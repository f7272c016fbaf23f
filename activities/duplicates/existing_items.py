"""Items from outside that a run must not repeat: files of JSON lines, and earlier runs in the same store."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from activities.documents.input_files import IN_STORE, read_text
from activities.store.batch_files import open_shelf
from activities.store.object_store import Store, digest, holds
from quire.request import Request
from recipes.base.json_lines import objects
from recipes.base.recipe import InputError

Item = Mapping[str, Any]


def checked(request: Request, fields: tuple[str, ...], base: Path) -> Request:
    """The request with absolute paths in `duplicates.against`. Raises InputError where an entry is neither a file whose
    lines have a compared field nor a run in the store."""
    found: list[str] = []
    for index, entry in enumerate(request.duplicates.against):
        field, path = f"duplicates.against.{index}", base / Path(entry).expanduser()
        if entry.startswith(IN_STORE):
            found.append(entry)
        elif path.is_file():
            parsed(read_text(path, field), str(path), fields, field)
            found.append(str(path.resolve()))
        elif not holds(request.output.store, entry):
            raise InputError(field, f"'{entry}' is neither a file nor a run in {request.output.store}")
        else:
            found.append(entry)
    return _with(request, found)


async def upload(request: Request, store: Store) -> Request:
    """The request with its files put into the store."""
    found: list[str] = []
    for entry in request.duplicates.against:
        path = Path(entry)
        if path.is_absolute() and path.is_file():
            data = path.read_bytes()
            key = f"inputs/{digest(data)[:8]}/{path.name}"
            await store.put_once(key, data)
            entry = IN_STORE + key
        found.append(entry)
    return _with(request, found)


async def items(store: Store, request: Request, fields: tuple[str, ...]) -> AsyncIterator[tuple[str, Item]]:
    """Every item from outside, with a name that tells where it is."""
    for index, entry in enumerate(request.duplicates.against):
        if entry.startswith(IN_STORE):
            key = entry.removeprefix(IN_STORE)
            text = (await store.get(key) or b"").decode()
            for number, item in parsed(text, key, fields, f"duplicates.against.{index}"):
                yield f"{Path(key).name}:{number}", item
            continue
        shelf = await open_shelf(store.beside(entry))
        for number in shelf.numbers():
            row = await shelf.row(number)
            if row is not None:
                yield f"{entry} #{number}", row["item"]


def parsed(text: str, name: str, fields: tuple[str, ...], field: str) -> list[tuple[int, Item]]:
    """The items of a file of JSON lines, by line number."""
    found: list[tuple[int, Item]] = []
    for number, item in objects(text, name, field):
        if fields and not any(wanted in item for wanted in fields):
            raise InputError(field, f"{name}:{number} has none of the compared fields: {', '.join(fields)}")
        found.append((number, item))
    return found


def _with(request: Request, against: list[str]) -> Request:
    if not against:
        return request
    changed = request.duplicates.model_copy(update={"against": tuple(against)})
    return request.model_copy(update={"duplicates": changed})

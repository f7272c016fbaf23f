"""Input files as text: read by whoever starts the run, from the store by its workers."""

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from activities import tables
from activities.store import Store, digest
from quire.request import Request
from recipes.planning import inputs_of, kind
from recipes.spine import InputError

IN_STORE = "store:"
MOST_BYTES = 200_000_000


def read_text(path: Path, field: str) -> str:
    """A text file's content; InputError in words where there is none to be had."""
    if not path.exists():
        raise InputError(field, f"there is no file {path}")
    if not path.is_file():
        raise InputError(field, f"{path} is not a file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(field, f"{path} cannot be read: {error.strerror}") from error
    return _decoded(data, str(path), field)


def _decoded(data: bytes, name: str, field: str) -> str:
    if len(data) > MOST_BYTES:
        raise InputError(field, f"{name} is larger than {MOST_BYTES // 1_000_000} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InputError(field, f"{name} is not UTF-8 text; save it as plain text")
    if not text.strip():
        raise InputError(field, f"{name} is empty")
    return text.replace("\r\n", "\n")


def addresses(request: Request) -> dict[str, str]:
    """The request's input files by dotted field."""
    return kind(request).files(inputs_of(request))


def read_all(request: Request, base: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Text and file name of each input that is a file or a table, by field; paths are relative to `base`."""
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    for field, given in addresses(request).items():
        texts[field], documents[field] = _read(given, base, f"inputs.{field}")
    return texts, documents


def _read(given: str, base: Path, field: str) -> tuple[str, str]:
    if tables.is_table(given):
        text = tables.read(given, base, field)
        return text, f"{tables.name(given)}.jsonl"
    return read_text(base / Path(given).expanduser(), field), PurePath(given).name


async def upload(request: Request, texts: Mapping[str, str], documents: Mapping[str, str], store: Store) -> Request:
    """The request with its files put into the store, so that workers elsewhere can read them."""
    inputs = request.inputs
    for field, text in texts.items():
        data = text.encode()
        key = f"inputs/{digest(data)[:8]}/{documents[field]}"
        await store.put_once(key, data)
        inputs = _replaced(inputs, field.split("."), IN_STORE + key)
    return request.model_copy(update={"inputs": inputs})


def _replaced(inputs: Mapping[str, Any], path: list[str], value: str) -> dict[str, Any]:
    name, *rest = path
    return dict(inputs) | {name: _replaced(inputs[name], rest, value) if rest else value}


async def fetch(request: Request, store: Store, base: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What `read_all` gives, for a request whose files may be in the store already."""
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    for field, given in addresses(request).items():
        if not given.startswith(IN_STORE):
            texts[field], documents[field] = _read(given, base, f"inputs.{field}")
            continue
        key = given.removeprefix(IN_STORE)
        data = await store.get(key)
        if data is None:
            raise InputError(f"inputs.{field}", f"{store.where(key)} is missing")
        texts[field] = _decoded(data, given, f"inputs.{field}")
        documents[field] = PurePath(given).name
    return texts, documents

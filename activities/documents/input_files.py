"""Input files as text: read by the process that starts a run, uploaded, and fetched from the store by workers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from activities.documents.database_table import is_table_address, parse_table_name, read_database_table
from activities.documents.docx_text import read_docx_text
from activities.documents.pdf_text import read_pdf_text
from activities.documents.readable_folders import ReadableFolders, list_readable_folders
from activities.store.object_store import Store, hash_content
from quire.request import Request
from recipes.base.recipe import InputError
from recipes.planning import validate_inputs
from recipes.registry import find_recipe

STORE_PREFIX = "store:"
"""The beginning of an input that names a key of the run's store instead of a file."""
MAX_BYTES = 200_000_000
DOCUMENT_ENDINGS = (".pdf", ".docx")
"""Endings of files from which text is extracted. In the store that text has the file's name with `.md` appended."""
_TEXT_ENDING = ".md"
_STORED_ENDINGS = tuple(ending + _TEXT_ENDING for ending in DOCUMENT_ENDINGS)
_MAGIC_BYTES = {b"%PDF-": ".pdf", b"PK\x03\x04": ".docx", b"\xd0\xcf\x11\xe0": ".doc"}
_TYPE_NAMES = {".pdf": "PDF", ".docx": "zip file, as every DOCX is"}
_UNSUPPORTED_ENDINGS = (".doc", ".odt", ".rtf", ".pages", ".xlsx", ".pptx")


def read_input_file(path: Path, field: str) -> str:
    """Return the text of a file, which may be a PDF or a DOCX. Raises InputError for `field` if it has none."""
    if not path.exists():
        raise InputError(field, f"there is no file {path}")
    if not path.is_file():
        raise InputError(field, f"{path} is not a file")
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else None
    except OSError as error:
        raise InputError(field, f"{path} cannot be read: {error.strerror}") from error
    if data is None:
        raise InputError(field, f"{path} is larger than {MAX_BYTES // 1_000_000} MB")
    if not data.strip():
        raise InputError(field, f"{path} is empty")
    return _extract_text(path, data, field)


def _extract_text(path: Path, data: bytes, field: str) -> str:
    """Return the text of a file by the type of its content, which the file name's ending must match."""
    ending = path.suffix.lower()
    detected = next((kind for start, kind in _MAGIC_BYTES.items() if data[:1024].lstrip().startswith(start)), "")
    if detected == ".doc":
        raise InputError(field, f"{path} is encrypted, or in Word's old format; save it as .docx without a password")
    if ending in _UNSUPPORTED_ENDINGS:
        raise InputError(field, f"{path}: {ending} files are not supported; save it as .docx, .pdf, .md or .txt")
    if ending in DOCUMENT_ENDINGS and detected != ending:
        raise InputError(field, f"{path} is not a {ending[1:].upper()} file, although its name says so")
    if detected and detected != ending:
        raise InputError(
            field, f"{path} is not a text file but a {_TYPE_NAMES[detected]}; its name must end in {detected}"
        )
    if ending == ".pdf":
        return read_pdf_text(data, str(path), field)
    if ending == ".docx":
        return read_docx_text(data, str(path), field)
    return _decode_text(data, str(path), field)


def _decode_text(data: bytes, name: str, field: str) -> str:
    if len(data) > MAX_BYTES:
        raise InputError(field, f"{name} is larger than {MAX_BYTES // 1_000_000} MB")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise InputError(field, f"{name} is not UTF-8 text; save it as plain text")
    if not text.strip():
        raise InputError(field, f"{name} is empty")
    return text.replace("\r\n", "\n")


def list_input_addresses(request: Request) -> dict[str, str]:
    """Return the paths and table addresses among a request's inputs, by dotted field."""
    return find_recipe(request.recipe).files(validate_inputs(request))


def read_input_files(
    request: Request, base: Path, readable: ReadableFolders | None = None
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the text and the file name of each input that is a file or a table, both by field.

    Paths are relative to `base`. Raises InputError if an input cannot be read, or is not in a `readable` folder.
    """
    texts: dict[str, str] = {}
    names: dict[str, str] = {}
    for field, address in list_input_addresses(request).items():
        texts[field], names[field] = _read_input(address, base, f"inputs.{field}", readable)
    return texts, names


def _read_input(address: str, base: Path, field: str, readable: ReadableFolders | None) -> tuple[str, str]:
    if is_table_address(address):
        text = read_database_table(address, base, field, readable)
        return text, f"{parse_table_name(address)}.jsonl"
    path = base / Path(address).expanduser()
    if readable is not None:
        readable.require(path, field)
    return read_input_file(path, field), PurePath(address).name


async def upload_input_files(
    request: Request, texts: Mapping[str, str], names: Mapping[str, str], store: Store
) -> Request:
    """Write input texts to the store, where workers on other machines can read them, and return a request that names
    them there. `names` are the original file names by field."""
    inputs = request.inputs
    for field, text in texts.items():
        data = text.encode()
        name = names[field]
        key = f"inputs/{hash_content(data)[:8]}/{name}{_TEXT_ENDING if name.lower().endswith(DOCUMENT_ENDINGS) else ''}"
        await store.put_once(key, data)
        inputs = _replace_at(inputs, field.split("."), STORE_PREFIX + key)
    return request.model_copy(update={"inputs": inputs})


def _replace_at(inputs: Mapping[str, Any], path: list[str], value: str) -> dict[str, Any]:
    name, *deeper = path
    return dict(inputs) | {name: _replace_at(inputs[name], deeper, value) if deeper else value}


async def fetch_input_files(request: Request, store: Store, base: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the same as `read_input_files`, for a request whose files may already be in the store."""
    texts: dict[str, str] = {}
    names: dict[str, str] = {}
    readable = list_readable_folders(base)  # who starts a run at the server is not always who may read here
    for field, address in list_input_addresses(request).items():
        if not address.startswith(STORE_PREFIX):
            # in a thread: a long PDF takes seconds, during which this process must stay responsive
            texts[field], names[field] = await asyncio.to_thread(
                _read_input, address, base, f"inputs.{field}", readable
            )
            continue
        key = address.removeprefix(STORE_PREFIX)
        data = await store.get(key)
        if data is None:
            raise InputError(f"inputs.{field}", f"{store.address_of(key)} is missing")
        texts[field] = _decode_text(data, address, f"inputs.{field}")
        name = PurePath(address).name
        names[field] = name.removesuffix(_TEXT_ENDING) if name.lower().endswith(_STORED_ENDINGS) else name
    return texts, names

"""Input files as text, documents too: read by whoever starts the run, from the store by its workers."""

import asyncio
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from activities.documents import database_table, docx_text, pdf_text
from activities.store.object_store import Store, digest
from quire.request import Request
from recipes.base.recipe import InputError
from recipes.planning import inputs_of, kind

IN_STORE = "store:"
MOST_BYTES = 200_000_000
DOCUMENTS = (".pdf", ".docx")
"""Files whose text is taken out of them; in the store it is named with another ending behind theirs."""
_TEXT = ".md"
_IN_STORE = tuple(ending + _TEXT for ending in DOCUMENTS)
_BEGINNINGS = {b"%PDF-": ".pdf", b"PK\x03\x04": ".docx", b"\xd0\xcf\x11\xe0": ".doc"}
_NAMES = {".pdf": "PDF", ".docx": "zip file, as every DOCX is"}
_FOREIGN = (".doc", ".odt", ".rtf", ".pages", ".xlsx", ".pptx")


def read_text(path: Path, field: str) -> str:
    """A file's text, also a PDF's or a DOCX's; InputError in words where there is none to be had."""
    if not path.exists():
        raise InputError(field, f"there is no file {path}")
    if not path.is_file():
        raise InputError(field, f"{path} is not a file")
    try:
        data = path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except OSError as error:
        raise InputError(field, f"{path} cannot be read: {error.strerror}") from error
    if data is None:
        raise InputError(field, f"{path} is larger than {MOST_BYTES // 1_000_000} MB")
    if not data.strip():
        raise InputError(field, f"{path} is empty")
    return _of_kind(path, data, field)


def _of_kind(path: Path, data: bytes, field: str) -> str:
    """The text by what the file is; its name must say the same."""
    ending = path.suffix.lower()
    found = next((kind for start, kind in _BEGINNINGS.items() if data[:1024].lstrip().startswith(start)), "")
    if found == ".doc":
        raise InputError(field, f"{path} is encrypted, or in Word's old form; save it as .docx without a password")
    if ending in _FOREIGN:
        raise InputError(field, f"{path}: {ending} is not read; save it as .docx, .pdf, .md or .txt")
    if ending in DOCUMENTS and found != ending:
        raise InputError(field, f"{path} is not a {ending[1:].upper()} file, though its name says so")
    if found and found != ending:
        raise InputError(field, f"{path} is no text: it is a {_NAMES[found]}, so that its name must end in {found}")
    if ending == ".pdf":
        return pdf_text.text_of(data, str(path), field)
    if ending == ".docx":
        return docx_text.text_of(data, str(path), field)
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
    if database_table.is_table(given):
        text = database_table.read(given, base, field)
        return text, f"{database_table.name(given)}.jsonl"
    return read_text(base / Path(given).expanduser(), field), PurePath(given).name


async def upload(request: Request, texts: Mapping[str, str], documents: Mapping[str, str], store: Store) -> Request:
    """The request with its files put into the store, so that workers elsewhere can read them."""
    inputs = request.inputs
    for field, text in texts.items():
        data = text.encode()
        name = documents[field]
        key = f"inputs/{digest(data)[:8]}/{name}{_TEXT if name.lower().endswith(DOCUMENTS) else ''}"
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
            # in a thread: a long PDF takes seconds in which this process must answer others
            texts[field], documents[field] = await asyncio.to_thread(_read, given, base, f"inputs.{field}")
            continue
        key = given.removeprefix(IN_STORE)
        data = await store.get(key)
        if data is None:
            raise InputError(f"inputs.{field}", f"{store.where(key)} is missing")
        texts[field] = _decoded(data, given, f"inputs.{field}")
        name = PurePath(given).name
        documents[field] = name.removesuffix(_TEXT) if name.lower().endswith(_IN_STORE) else name
    return texts, documents

"""Input files as text: read from disk by whoever starts the run, from the store by its workers."""

from pathlib import Path, PurePath

from activities.store import Store, digest
from quire.request import Request
from recipes.planning import kind
from recipes.spine import InputError

IN_STORE = "store:"
MOST_BYTES = 20_000_000


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
        raise InputError(field, f"{name} is not UTF-8 text; save it as .txt or .md")
    if not text.strip():
        raise InputError(field, f"{name} is empty")
    return text.replace("\r\n", "\n")


def read_all(request: Request, base: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Text and file name of each input that is a file, by field; paths are relative to `base`."""
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    for field in kind(request).files:
        given = str(request.inputs[field])
        texts[field] = read_text(base / Path(given).expanduser(), f"inputs.{field}")
        documents[field] = PurePath(given).name
    return texts, documents


async def upload(request: Request, texts: dict[str, str], documents: dict[str, str], store: Store) -> Request:
    """The request with its files put into the store, so that workers elsewhere can read them."""
    inputs = dict(request.inputs)
    for field, text in texts.items():
        data = text.encode()
        key = f"inputs/{digest(data)[:8]}/{documents[field]}"
        await store.put_once(key, data)
        inputs[field] = IN_STORE + key
    return request.model_copy(update={"inputs": inputs})


async def fetch(request: Request, store: Store, base: Path) -> tuple[dict[str, str], dict[str, str]]:
    """What `read_all` gives, for a request whose files may be in the store already."""
    texts: dict[str, str] = {}
    documents: dict[str, str] = {}
    for field in kind(request).files:
        given = str(request.inputs[field])
        if not given.startswith(IN_STORE):
            texts[field] = read_text(base / given, f"inputs.{field}")
        else:
            data = await store.get(given.removeprefix(IN_STORE))
            if data is None:
                raise InputError(f"inputs.{field}", f"{store.where(given.removeprefix(IN_STORE))} is missing")
            texts[field] = _decoded(data, given, f"inputs.{field}")
        documents[field] = PurePath(given).name
    return texts, documents

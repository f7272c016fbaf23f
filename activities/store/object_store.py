"""The store: one folder or bucket prefix per run, accessed with obstore."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import ObjectStore, from_url

from activities.known_secrets import current_redactor
from activities.store.local_files import create_file, make_private, make_private_folder, read_file
from quire.redaction import LONGEST_REMAINDER

if TYPE_CHECKING:
    from obstore import AsyncWritableFile

BATCHES, RESPONSES, CALLS = "batches/", "responses/", "calls/"
"""Folders of a run: items by batch, model answers by call, notes of calls that came too late to fill their batch."""
REPORT_KEY = "report.json"
"""The run's result with what was verified, as JSON; written when the run ends."""
_SMALL_FILES = (BATCHES, RESPONSES, CALLS)
"""Folders with thousands of small files. Reading one with the system's own calls takes a fifth of obstore's time,
writing one a twentieth."""
_MAX_DIRECT_WRITE = 1 << 18
"""Bytes that a disk writes in less time than a thread takes to start."""
_PIECE = 1 << 18
"""Bytes that are read or written at a time."""
_BUCKET_PART = 8 << 20
"""Bytes that are written to a bucket at a time: buckets take large files in parts of at least 5 MB."""


class StoreError(OSError):
    """The store cannot be read or written at the moment. The message is for the person who can fix that."""


class Sink(Protocol):
    """A target that is written piece by piece."""

    async def write(self, data: bytes) -> object:
        """Append data."""
        ...


class StoreWriter:
    """Writes a file in pieces of 256 kB: smaller data is buffered, and other tasks run between two writes."""

    def __init__(self, sink: "AsyncWritableFile") -> None:
        self._sink = sink
        self._buffer: list[bytes] = []
        self._size = 0

    async def write(self, data: bytes) -> None:
        """Append data to the file."""
        self._buffer.append(data)
        self._size += len(data)
        if self._size >= _PIECE:
            await self.flush()

    async def flush(self, *, last: bool = False) -> None:
        """Write the buffered data without secrets. Unless it is the last, its end stays in the buffer, because a secret
        may go on in what follows."""
        data = current_redactor().redact_bytes(b"".join(self._buffer))
        end = len(data) if last else max(0, len(data) - LONGEST_REMAINDER)
        self._buffer[:] = [data[end:]]
        self._size = len(data) - end
        await self._sink.write(data[:end])


class Store:
    """The files of one run, `<root>/<workflow id>/`. All methods raise StoreError if the store does not work.

    Keys under `inputs/` and `RESPONSES` are written once and never change. All other files (the plan, batch files, the
    artifact, the report) are derived from those, always with the same content, and may be written again.
    """

    def __init__(self, root: str, workflow_id: str) -> None:
        self._root, self.workflow_id = root, workflow_id
        folder = _quote_folder(workflow_id)
        self._read_count = 0
        self._is_local = "://" not in root
        """True for a folder: a small file there is read in less time than a thread takes to start."""
        if not self._is_local:
            self.address = f"{root.rstrip('/')}/{folder}"
            self._store = _open_bucket(self.address)
        else:
            path = Path(root).absolute() / folder
            self.address = str(path)
            make_private_folder(self.address)
            self._store = obstore.store.LocalStore(path, mkdir=True)

    def open_other_run(self, workflow_id: str) -> "Store":
        """Open the folder of another run with the same root."""
        return Store(self._root, workflow_id)

    def may_hold_run(self, workflow_id: str) -> bool:
        """Return False if the store surely has no folder of this other run."""
        return may_hold_run(self._root, workflow_id)

    def address_of(self, key: str) -> str:
        """Return the path or URL at which a person finds a file."""
        return f"{self.address}/{key}"

    async def put(self, key: str, data: bytes) -> None:
        """Write a file completely or not at all, replacing an older version; without the secrets that are known."""
        data = current_redactor().redact_bytes(data)
        with self._store_errors("written", key):
            await obstore.put_async(self._store, key, data)
            self._make_private(key)

    async def put_once(self, key: str, data: bytes) -> bytes:
        """Write a file, without the secrets that are known, unless it exists, and return what it holds then."""
        data = current_redactor().redact_bytes(data)
        with self._store_errors("written", key):
            if self._is_local and key.startswith(_SMALL_FILES) and len(data) <= _MAX_DIRECT_WRITE:
                is_new = create_file(self.address_of(key), data)
            else:
                is_new = await self._create(key, data)
        return data if is_new else await self.get(key) or data

    async def _create(self, key: str, data: bytes) -> bool:
        try:
            await obstore.put_async(self._store, key, data, mode="create")
        except AlreadyExistsError:
            return False
        self._make_private(key)
        return True

    def _make_private(self, key: str) -> None:
        if self._is_local:
            make_private(self.address_of(key))

    async def get(self, key: str) -> bytes | None:
        """Return the content of a file; None if it does not exist."""
        try:
            with self._store_errors("read", key):
                if self._is_local:
                    self._read_count += 1
                    if self._read_count % 32 == 0:  # long loops over small files must let other tasks run
                        await asyncio.sleep(0)
                    if key.startswith(_SMALL_FILES):  # these keys need no quoting to be paths
                        return read_file(self.address_of(key))
                answer = await obstore.get_async(self._store, key)
                return bytes(await answer.bytes_async())
        except FileNotFoundError:
            return None

    async def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the contents of several files in the order of `keys`; buckets are asked for all at once."""
        if self._is_local:
            return [await self.get(key) for key in keys]
        return await asyncio.gather(*(self.get(key) for key in keys))

    async def has_file(self, key: str) -> bool:
        """Return True if a file exists."""
        try:
            with self._store_errors("read", key):
                await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return False
        return True

    async def read_pieces(self, key: str) -> AsyncIterator[bytes]:
        """Yield a file's content piece by piece; nothing if the file does not exist."""
        try:
            answer = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            return
        async for piece in answer.stream(min_chunk_size=_PIECE):
            yield bytes(piece)

    async def read_lines(self, key: str) -> AsyncIterator[bytes]:
        """Yield a file's lines without their line ends, reading piece by piece; none if the file does not exist."""
        remainder = b""
        async for piece in self.read_pieces(key):
            *lines, remainder = (remainder + piece).split(b"\n")
            for line in lines:
                yield line
        if remainder:
            yield remainder

    async def copy_to_path(self, key: str, path: Path) -> bool:
        """Copy a file to a local path, piece by piece. Return False if the file does not exist."""
        try:
            with self._store_errors("read", key):
                answer = await obstore.get_async(self._store, key)
                with path.open("wb") as sink:
                    async for piece in answer.stream(min_chunk_size=_PIECE):
                        sink.write(piece)
        except FileNotFoundError:
            return False
        return True

    async def list_keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield every key below a prefix, in no order and without holding them all."""
        async for chunk in obstore.list(self._store, prefix=prefix, chunk_size=1000):
            for meta in chunk:
                yield str(meta["path"])

    async def list_sorted_keys(self, prefix: str) -> AsyncIterator[str]:
        """Yield every key below a prefix, sorted."""
        for key in sorted([key async for key in self.list_keys(prefix)]):
            yield key

    async def delete(self, prefix: str) -> None:
        """Delete derived files: all below a folder (`snapshot/`), or the top-level files whose name begins with a
        prefix that does not end in `/`."""
        if prefix.endswith("/"):
            keys = [key async for key in self.list_sorted_keys(prefix)]
        else:  # a store lists by whole names of folders only
            top = await obstore.list_with_delimiter_async(self._store)
            keys = sorted(str(meta["path"]) for meta in top["objects"] if str(meta["path"]).startswith(prefix))
        for key in keys:
            await obstore.delete_async(self._store, key)

    @asynccontextmanager
    async def open_writer(self, key: str) -> AsyncGenerator["StoreWriter"]:
        """Open a file for streaming: it holds what is written within the block, and replaces an older version."""
        with self._store_errors("written", key):
            buffer_size = _PIECE if self._is_local else _BUCKET_PART
            async with obstore.open_writer_async(self._store, key, buffer_size=buffer_size) as sink:
                writer = StoreWriter(sink)
                yield writer
                await writer.flush(last=True)
            self._make_private(key)

    @contextmanager
    def _store_errors(self, action: str, key: str) -> Generator[None]:
        """Turn errors of the block, except a missing file, into StoreError that names the file and the action."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            raise StoreError(f"{self.address_of(key)} cannot be {action}: {_extract_message(error)}") from error


@lru_cache(maxsize=100)
def _open_bucket(url: str) -> ObjectStore:
    """Open a run's prefix in a bucket, with its connections. Cached: opening costs more than writing a small file."""
    try:
        return from_url(url)
    except BaseError as error:  # an address or an environment variable is wrong
        raise StoreError(f"{url} cannot be opened: {_extract_message(error)}") from error


def _extract_message(error: Exception) -> str:
    return str(error).splitlines()[0].rpartition("error: ")[2]


def may_hold_run(root: str, workflow_id: str) -> bool:
    """Return False if a store surely has no folder of this run. A bucket may always have one: it is not asked. A local
    store is checked, because opening it would create the folder."""
    return "://" in root or (Path(root).absolute() / _quote_folder(workflow_id)).is_dir()


def _quote_folder(workflow_id: str) -> str:
    return quote(workflow_id, safe="-_.~ ").replace("..", "%2E%2E")


def hash_content(data: bytes) -> str:
    """Return the first 32 hex digits of the SHA-256 of some content, which serve as its name."""
    return hashlib.sha256(data).hexdigest()[:32]

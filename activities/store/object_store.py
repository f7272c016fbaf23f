"""Where text lives: one folder or bucket prefix per run, on obstore."""

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

from activities.store.local_files import created, read

if TYPE_CHECKING:
    from obstore import AsyncWritableFile

_SMALL = ("batches/", "responses/", "calls/")
"""Small files of which there are thousands: plainly read they take a fifth of what obstore takes, plainly written once
a twentieth."""
_AT_ONCE = 1 << 18
"""Bytes that a disk takes in less time than a thread takes to begin."""
_PIECE = 1 << 18
"""Bytes that are read and written at a time."""
_PART = 8 << 20
"""The same for what is written to a bucket, which takes large files in parts of 5 MB and more."""


class StoreError(OSError):
    """The store cannot be read or written now; the words are for the person who can mend that."""


class Sink(Protocol):
    """What is written piece by piece."""

    async def write(self, data: bytes) -> object:
        """Add to it."""
        ...


class Writer:
    """Collects what is written until it is worth a write; other work of the process goes on between two of those."""

    def __init__(self, sink: "AsyncWritableFile") -> None:
        self._sink = sink
        self._held: list[bytes] = []
        self._size = 0

    async def write(self, data: bytes) -> None:
        """Add to the file."""
        self._held.append(data)
        self._size += len(data)
        if self._size >= _PIECE:
            await self.flush()

    async def flush(self) -> None:
        """Write what is held."""
        held = b"".join(self._held)
        self._held.clear()
        self._size = 0
        await self._sink.write(held)


class Store:
    """The files of one run, `<root>/<workflow id>/`.

    Keys under `inputs/` and `responses/` are written once and never change. All others (`plan.jsonl`, `batches/`,
    the artifact, the report) are made from those, the same each time, and may be written again.
    """

    def __init__(self, root: str, workflow_id: str) -> None:
        self._root, self.workflow_id = root, workflow_id
        folder = _folder(workflow_id)
        self._read = 0
        self._local = "://" not in root
        """Whether it is a folder: a small file of one is read in less time than a thread takes to begin."""
        if not self._local:
            self.address = f"{root.rstrip('/')}/{folder}"
            self._store = _opened(self.address)
        else:
            path = Path(root).absolute() / folder
            self.address = str(path)
            self._store = obstore.store.LocalStore(path, mkdir=True)

    def beside(self, workflow_id: str) -> "Store":
        """Another run's folder in the same store."""
        return Store(self._root, workflow_id)

    def holds(self, workflow_id: str) -> bool:
        """Whether there may be a folder of another run."""
        return holds(self._root, workflow_id)

    def where(self, key: str) -> str:
        """The address of a file, as a person would open it."""
        return f"{self.address}/{key}"

    async def put(self, key: str, data: bytes) -> None:
        """Write, whole or not at all; an older version is replaced. Raises StoreError, as all methods do."""
        with self._told("written", key):
            await obstore.put_async(self._store, key, data)

    async def put_once(self, key: str, data: bytes) -> bytes:
        """Write unless it is there; what is there in the end."""
        with self._told("written", key):
            if self._local and key.startswith(_SMALL) and len(data) <= _AT_ONCE:
                new = created(self.where(key), data)
            else:
                new = await self._created(key, data)
        return data if new else await self.get(key) or data

    async def _created(self, key: str, data: bytes) -> bool:
        try:
            await obstore.put_async(self._store, key, data, mode="create")
        except AlreadyExistsError:
            return False
        return True

    async def get(self, key: str) -> bytes | None:
        """The whole file, or None."""
        try:
            with self._told("read", key):
                if self._local:
                    self._read += 1
                    if self._read % 32 == 0:  # long loops over small files must let others have their turn
                        await asyncio.sleep(0)
                    if key.startswith(_SMALL):  # names of our own making, the same on disk as here
                        return read(self.where(key))
                answer = await obstore.get_async(self._store, key)
                return bytes(await answer.bytes_async())
        except FileNotFoundError:
            return None

    async def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        """The same of several, side by side where each takes a journey."""
        if self._local:
            return [await self.get(key) for key in keys]
        return await asyncio.gather(*(self.get(key) for key in keys))

    async def has(self, key: str) -> bool:
        """Whether there is such a file."""
        try:
            with self._told("read", key):
                await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return False
        return True

    async def pieces(self, key: str) -> AsyncIterator[bytes]:
        """A file, piece by piece; nothing where there is no file."""
        try:
            answer = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            return
        async for piece in answer.stream(min_chunk_size=_PIECE):
            yield bytes(piece)

    async def lines(self, key: str) -> AsyncIterator[bytes]:
        """A file's lines, read piece by piece; none where there is no file."""
        rest = b""
        async for piece in self.pieces(key):
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line
        if rest:
            yield rest

    async def copy(self, key: str, to: Path) -> bool:
        """Write a file to this machine, piece by piece; whether there is one."""
        try:
            with self._told("read", key):
                answer = await obstore.get_async(self._store, key)
                with to.open("wb") as sink:
                    async for piece in answer.stream(min_chunk_size=_PIECE):
                        sink.write(piece)
        except FileNotFoundError:
            return False
        return True

    async def names(self, prefix: str) -> AsyncIterator[str]:
        """Every key below a prefix, in no order; none is held."""
        async for chunk in obstore.list(self._store, prefix=prefix, chunk_size=1000):
            for meta in chunk:
                yield str(meta["path"])

    async def keys(self, prefix: str) -> AsyncIterator[str]:
        """Every key below a prefix, sorted."""
        for key in sorted([key async for key in self.names(prefix)]):
            yield key

    async def remove(self, prefix: str) -> None:
        """Delete derived files: all below a folder (`snapshot/`), or those at the top whose name begins like this."""
        if prefix.endswith("/"):
            names = [key async for key in self.keys(prefix)]
        else:  # a store's own prefixes are whole names of folders
            top = await obstore.list_with_delimiter_async(self._store)
            names = sorted(str(meta["path"]) for meta in top["objects"] if str(meta["path"]).startswith(prefix))
        for key in names:
            await obstore.delete_async(self._store, key)

    @asynccontextmanager
    async def writer(self, key: str) -> AsyncGenerator["Writer"]:
        """Stream a file: what is written within the block is the file, an older version is replaced."""
        with self._told("written", key):
            buffered = _PIECE if self._local else _PART
            async with obstore.open_writer_async(self._store, key, buffer_size=buffered) as sink:
                writer = Writer(sink)
                yield writer
                await writer.flush()

    @contextmanager
    def _told(self, what: str, key: str) -> Generator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except (BaseError, OSError) as error:
            said = str(error).splitlines()[0].rpartition("error: ")[2]
            raise StoreError(f"{self.where(key)} cannot be {what}: {said}") from error


@lru_cache(maxsize=100)
def _opened(url: str) -> ObjectStore:
    """A run's place in a bucket, with its connections: opening one costs more than writing a small file."""
    try:
        return from_url(url)
    except BaseError as error:  # an address or an environment variable that is wrong
        said = str(error).splitlines()[0].rpartition("error: ")[2]
        raise StoreError(f"{url} cannot be opened: {said}") from error


def holds(root: str, workflow_id: str) -> bool:
    """Whether a store may have a folder of this run: a local one is made by being opened, a bucket would be asked."""
    return "://" in root or (Path(root).absolute() / _folder(workflow_id)).is_dir()


def _folder(workflow_id: str) -> str:
    return quote(workflow_id, safe="-_.~ ").replace("..", "%2E%2E")


def digest(data: bytes) -> str:
    """The name of content: the first 32 hex digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:32]

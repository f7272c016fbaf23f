"""The base class of output formats: where a format's files are, how items are written to it and read back."""

import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from activities.store.batch_files import Row
from activities.store.object_store import Sink, Store, StoreWriter
from quire.slots import Slot
from recipes.base.recipe import Item, Recipe

_CHUNK = 1 << 18
"""Bytes that are copied at a time."""


@dataclass(frozen=True)
class ArtifactContext:
    """What an artifact is made of in addition to its items."""

    recipe: Recipe
    slots: Sequence[Slot]
    metadata: Mapping[str, Any]
    workflow_id: str
    started: str | None
    """When the run began, as ISO 8601 in UTC; None if the run did not record it."""


@dataclass(frozen=True)
class ArtifactEntry:
    """An entry that is read back from a format."""

    id: str | None
    """The item's id, or its heading, which begins with the id; None if the entry is not an item."""
    item: Item | None
    """The item; None for a document, of which only the headings are read."""


class OutputFormat(ABC):
    """A format of an artifact while it is being written. The same items always give the same bytes."""

    address: ClassVar[str]
    """The file or folder that a person opens, relative to the run's folder."""
    file: ClassVar[str]
    """The file that holds the items, relative to the run's folder."""

    def __init__(self, context: ArtifactContext, writer: StoreWriter) -> None:
        self.context, self.writer = context, writer

    @staticmethod
    def find_missing_package() -> str | None:
        """Return how to install the package that this format needs; None if it is installed, or none is needed."""
        return None

    def create_extra_files(self) -> Mapping[str, bytes]:
        """Return small files that belong to the format, by key."""
        return {}

    async def begin(self) -> None:
        """Write what precedes the items."""
        return

    @abstractmethod
    async def add_item(self, item: Item) -> None:
        """Write a finished item. Items come in slot order."""

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        """Write what follows the items, and return warnings about the format for the person who reads the result."""
        del outlines
        return []

    @classmethod
    @abstractmethod
    def read_back(cls, store: Store, context: ArtifactContext) -> AsyncIterator[ArtifactEntry]:
        """Yield every written entry, with one in memory at a time. Raises ValueError if the file is not readable."""

    @classmethod
    @abstractmethod
    def get_entry_schema(cls, context: ArtifactContext) -> dict[str, Any] | None:
        """Return the JSON Schema of an entry that is read back; None if only headings are read."""


def finish_item(recipe: Recipe, slot: Slot, row: Row, kept_duplicates: Mapping[int, Mapping[str, Any]]) -> Item:
    """Return the item as it is in the artifact, with its provenance. For a slot in `kept_duplicates`, the provenance
    also names the item that it repeats."""
    provenance = {**row["provenance"], **kept_duplicates.get(slot.number, {})}
    return {**recipe.to_artifact(row["item"], slot), "provenance": provenance}


def has_own_lines(recipe: Recipe) -> bool:
    """Return True if the recipe's lines are not its items."""
    return type(recipe).to_lines is not Recipe.to_lines


def encode_json_line(value: Any) -> bytes:
    """Encode a value as one line of JSON."""
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


@asynccontextmanager
async def open_local_copy(store: Store, key: str) -> AsyncGenerator[IO[bytes]]:
    """Open a temporary local copy of a file in the store, for libraries that need a file."""
    with tempfile.TemporaryFile() as copy:
        async for piece in store.read_pieces(key):
            copy.write(piece)
        copy.seek(0)
        yield copy


async def copy_stream(source: IO[bytes], sink: Sink) -> None:
    """Copy a file from its beginning to `sink`, piece by piece."""
    source.seek(0)
    while piece := source.read(_CHUNK):
        await sink.write(piece)

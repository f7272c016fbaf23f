"""What every form of an artifact has: where it is, how it is written item by item, how it is read back."""

import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from activities.store.object_store import Sink, Store, Writer
from quire.slots import Slot
from recipes.base.recipe import Item, Recipe


@dataclass(frozen=True)
class Bound:
    """What an artifact is made of, beside its items."""

    recipe: Recipe
    slots: Sequence[Slot]
    metadata: Mapping[str, Any]
    run: str
    """The run's id."""
    started: str | None
    """When the run began, as ISO 8601 in UTC; None of runs that an older version made."""


@dataclass(frozen=True)
class Entry:
    """One entry of a written form. `item` is None where the form is for people: only its heading is read."""

    id: str | None
    """The item's id, or its heading, which begins with it; None where an entry is no item."""
    item: Item | None


class Form(ABC):
    """One form of an artifact, while it is written. What it writes is the same for the same items."""

    address: ClassVar[str]
    """What a person opens, below the run's folder: a file or a folder."""
    file: ClassVar[str]
    """The file that holds the items."""

    def __init__(self, bound: Bound, file: Writer) -> None:
        self.bound, self.out = bound, file

    @staticmethod
    def lacks() -> str | None:
        """What must be installed before this form can be written, in words; None where nothing is missing."""
        return None

    def beside(self) -> Mapping[str, bytes]:
        """Small files that belong to the form, by key."""
        return {}

    async def begin(self) -> None:
        """Write what goes before the items."""
        return

    @abstractmethod
    async def add(self, item: Item) -> None:
        """Write a finished item; they come in slot order."""

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        """Write what goes after them; what a person should know of the form."""
        del outlines
        return []

    @classmethod
    @abstractmethod
    def read_back(cls, store: Store, bound: Bound) -> AsyncIterator[Entry]:
        """Every entry that was written, one held at a time. Raises ValueError where the form cannot be read."""

    @classmethod
    @abstractmethod
    def schema(cls, bound: Bound) -> dict[str, Any] | None:
        """JSON Schema of an entry that is read back; None where it has only a heading."""


def own_lines(recipe: Recipe) -> bool:
    """Whether the recipe's lines are something else than its items."""
    return type(recipe).lines is not Recipe.lines


def line(value: Any) -> bytes:
    """A JSON line."""
    return json.dumps(value, ensure_ascii=False).encode() + b"\n"


@asynccontextmanager
async def fetched(store: Store, key: str) -> AsyncGenerator[IO[bytes]]:
    """A copy of a file in the store, for a library that reads files."""
    with tempfile.TemporaryFile() as copy:
        async for piece in store.pieces(key):
            copy.write(piece)
        copy.seek(0)
        yield copy


async def poured(source: IO[bytes], into: Sink) -> None:
    """Stream a file to somewhere else."""
    source.seek(0)
    while piece := source.read(1 << 18):
        await into.write(piece)

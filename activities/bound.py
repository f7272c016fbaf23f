"""The items of a run as the store holds them, found by slot number without holding them all."""

import json
from collections import OrderedDict
from collections.abc import AsyncIterator, Container
from typing import Any

from activities.store import Store

_OPEN_FILES = 32
Row = dict[str, Any]


class Shelf:
    """Which batch file holds which slot; rows are read file by file, in slot order each is read about once."""

    def __init__(self, store: Store, places: dict[int, str]) -> None:
        self._store = store
        self.places = places
        self._files: OrderedDict[str, dict[int, Row]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.places)

    def __contains__(self, number: int) -> bool:
        return number in self.places

    async def row(self, number: int) -> Row | None:
        """`{"slot", "item", "provenance"}` of a filled slot."""
        key = self.places.get(number)
        if key is None:
            return None
        if key not in self._files:
            self._files[key] = await read(self._store, key)
            if len(self._files) > _OPEN_FILES:
                self._files.popitem(last=False)
        return self._files[key][number]


async def read(store: Store, key: str) -> dict[int, Row]:
    """One batch file's rows by slot number."""
    return rows_of(await store.get(key) or b"")


def rows_of(data: bytes) -> dict[int, Row]:
    """The rows of a batch file's content."""
    rows: list[Row] = [json.loads(line) for line in data.splitlines()]
    return {row["slot"]: row for row in rows}


async def rejections(store: Store, round_: int) -> dict[int, Row]:
    """What one round of the duplicate check rejected: `{"file", "of", "avoid"}` by slot number."""
    data = await store.get(rejected_key(round_)) or b"{}"
    return {int(number): row for number, row in json.loads(data).items()}


def rejected_key(round_: int) -> str:
    """Where a round's rejections are."""
    return f"duplicates/round-{round_}.json"


async def rejected_items(store: Store, *, before: int | None = None) -> set[tuple[str, int]]:
    """Every item that a round (earlier than `before`) rejected, as batch file and slot number."""
    found: set[tuple[str, int]] = set()
    async for key in store.keys("duplicates/"):
        round_ = key.rpartition("round-")[2].removesuffix(".json")
        if round_.isdecimal() and (before is None or int(round_) < before):
            found |= {(row["file"], number) for number, row in (await rejections(store, int(round_))).items()}
    return found


async def batch_files(store: Store) -> AsyncIterator[str]:
    """Every batch file, by name."""
    async for key in store.keys("batches/"):
        if key.endswith(".jsonl"):
            yield key


async def open_shelf(store: Store, *, without: Container[tuple[str, int]] | None = None) -> Shelf:
    """Find every item that is not rejected. A slot is filled once; the first file in name order would win."""
    rejected = await rejected_items(store) if without is None else without
    places: dict[int, str] = {}
    async for key in batch_files(store):
        for number in await read(store, key):
            if (key, number) not in rejected:
                places.setdefault(number, key)
    return Shelf(store, places)

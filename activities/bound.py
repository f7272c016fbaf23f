"""The items of a run as the store holds them, found by slot number without holding them all."""

import asyncio
import json
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Container, Sequence
from typing import Any

from activities.store import Store

_OPEN_FILES = 64
_NUMBER = re.compile(rb'^\{"slot": (\d+),', re.MULTILINE)
"""How every row begins: to know which slots a file holds, its items need not be read."""
Row = dict[str, Any]


class Shelf:
    """Which batch file holds which slot; rows are read file by file, in slot order each is read about once."""

    def __init__(self, store: Store, places: dict[int, str], kept: dict[int, dict[str, Any]]) -> None:
        self._store = store
        self.places = places
        self.kept = kept
        """Slots whose item is like another's and was kept all the same."""
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
            self._keep(key, await read(self._store, key))
        return self._files[key][number]

    async def ahead(self, numbers: Sequence[int]) -> None:
        """Read the files of these slots, which are asked for next, side by side."""
        wanted = list(dict.fromkeys(self.places[number] for number in numbers))
        keys = [key for key in wanted if key not in self._files][:_OPEN_FILES]
        for key, rows in zip(keys, await asyncio.gather(*(read(self._store, key) for key in keys)), strict=True):
            self._keep(key, rows)

    def _keep(self, key: str, rows: dict[int, Row]) -> None:
        self._files[key] = rows
        if len(self._files) > _OPEN_FILES:
            self._files.popitem(last=False)


async def read(store: Store, key: str) -> dict[int, Row]:
    """One batch file's rows by slot number."""
    return rows_of(await store.get(key) or b"")


def rows_of(data: bytes) -> dict[int, Row]:
    """The rows of a batch file's content."""
    rows: list[Row] = [json.loads(line) for line in data.splitlines()]
    return {row["slot"]: row for row in rows}


async def rejections(store: Store, round_: int) -> dict[int, Row]:
    """What one round of the duplicate check rejected: `{"file", "of", "likeness", "avoid"}` by slot number, and `kept`,
    the file whose candidate stays after all, where the last round keeps the least similar."""
    data = await store.get(rejected_key(round_)) or b"{}"
    return {int(number): row for number, row in json.loads(data).items()}


def rejected_key(round_: int) -> str:
    """Where a round's rejections are."""
    return f"duplicates/round-{round_}.json"


async def rejected_items(store: Store, *, before: int | None = None) -> set[tuple[str, int]]:
    """Every item that a round (earlier than `before`) rejected, as batch file and slot number."""
    found: set[tuple[str, int]] = set()
    kept: dict[int, str] = {}
    async for round_ in rounds(store):
        if before is None or round_ < before:
            for number, row in (await rejections(store, round_)).items():
                found.add((row["file"], number))
                if "kept" in row:
                    kept[number] = row["kept"]
    return found - {(file, number) for number, file in kept.items()}


async def kept_although(store: Store) -> dict[int, dict[str, Any]]:
    """Slots whose item was kept although it is like another's: of which, and how like."""
    found: dict[int, dict[str, Any]] = {}
    async for round_ in rounds(store):
        for number, row in (await rejections(store, round_)).items():
            if "kept" in row:
                found[number] = {"duplicate_of": row["of"], "likeness": row["likeness"]}
    return found


async def rounds(store: Store) -> AsyncIterator[int]:
    """The rounds of the duplicate check that are in the store."""
    async for key in store.keys("duplicates/"):
        round_ = key.rpartition("round-")[2].removesuffix(".json")
        if round_.isdecimal():
            yield int(round_)


async def batch_files(store: Store) -> AsyncIterator[str]:
    """Every batch file, by name."""
    async for key in store.keys("batches/"):
        if key.endswith(".jsonl"):
            yield key


async def open_shelf(store: Store, *, without: Container[tuple[str, int]] | None = None) -> Shelf:
    """Find every item that is not rejected. A slot is filled once; the first file in name order would win."""
    rejected = await rejected_items(store) if without is None else without
    places: dict[int, str] = {}
    keys = [key async for key in batch_files(store)]
    for start in range(0, len(keys), _OPEN_FILES):
        some = keys[start : start + _OPEN_FILES]
        for key, data in zip(some, await asyncio.gather(*(store.get(key) for key in some)), strict=True):
            for found in _NUMBER.findall(data or b""):
                if (key, int(found)) not in rejected:
                    places.setdefault(int(found), key)
    return Shelf(store, places, await kept_although(store))

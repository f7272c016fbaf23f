"""The items of a run as the store holds them, found by slot number without holding them all."""

import json
from collections import OrderedDict
from typing import Any

from activities.store import Store

_OPEN_FILES = 32
Row = dict[str, Any]


class Shelf:
    """Which batch file holds which slot; rows are read file by file, in slot order each is read about once."""

    def __init__(self, store: Store, places: dict[int, str]) -> None:
        self._store = store
        self._places = places
        self._files: OrderedDict[str, dict[int, Row]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, number: int) -> bool:
        return number in self._places

    async def row(self, number: int) -> Row | None:
        """`{"slot", "item", "provenance"}` of a filled slot."""
        key = self._places.get(number)
        if key is None:
            return None
        if key not in self._files:
            self._files[key] = await read(self._store, key)
            if len(self._files) > _OPEN_FILES:
                self._files.popitem(last=False)
        return self._files[key][number]


async def read(store: Store, key: str) -> dict[int, Row]:
    """One batch file's rows by slot number."""
    data = await store.get(key) or b""
    rows: list[Row] = [json.loads(line) for line in data.splitlines()]
    return {row["slot"]: row for row in rows}


async def open_shelf(store: Store) -> Shelf:
    """Find every item. A slot is filled once; the first file in name order would win."""
    places: dict[int, str] = {}
    async for key in store.keys("batches/"):
        if key.endswith(".jsonl"):
            for number in await read(store, key):
                places.setdefault(number, key)
    return Shelf(store, places)

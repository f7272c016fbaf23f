"""Find the item of a slot among a run's batch files, without holding all items in memory."""

import re
from array import array
from collections import OrderedDict
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from activities.store.batch_files import (
    BatchFile,
    Row,
    batch_key,
    batch_name,
    list_batch_names,
    parse_batch_file,
    parse_planned_number,
    read_batch_file,
)
from activities.store.duplicate_rounds import list_rejected_items, read_kept_duplicates
from activities.store.object_store import Store

_OPEN_FILES = 64
_SLOT = re.compile(rb'^\{"slot": (\d+),', re.MULTILINE)
"""The beginning of every row: finds the slots of a file without parsing its items."""


class ItemIndex:
    """The batch file of each filled slot. Files are read when a row is asked for, and the last 64 stay in memory: going
    through the slots in order reads each file about once."""

    def __init__(self, store: Store, kept_duplicates: dict[int, dict[str, Any]]) -> None:
        self._store = store
        self.kept_duplicates = kept_duplicates
        """`{"duplicate_of", "likeness"}` by number of the slots whose item repeats another's and was kept."""
        self.later_files: dict[int, list[str]] = {}
        """By number of a planned batch: its files beyond the first."""
        self._locations = array("l")
        """By slot number: n > 0 for the first file of planned batch n, n < 0 for `_other_files[-n]`, 0 if not filled.
        Storing file names instead would take 20 MB at 100,000 slots."""
        self._other_files: list[str] = [""]
        self._count = 0
        self._open_files: OrderedDict[str, BatchFile] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return 0 <= number < len(self._locations) and self._locations[number] != 0

    def iter_slot_numbers(self) -> Iterator[int]:
        """Yield the number of every filled slot, in order."""
        return (number for number, location in enumerate(self._locations) if location)

    def file_key(self, number: int) -> str:
        """Return the key of the batch file that holds a filled slot."""
        location = self._locations[number]
        return batch_key(location) if location > 0 else self._other_files[-location]

    async def read_row(self, number: int) -> Row | None:
        """Return the stored item of a slot; None if the slot is not filled."""
        return (await self.open_file(self.file_key(number))).rows[number] if number in self else None

    async def open_file(self, key: str) -> BatchFile:
        """Return a batch file, from memory if it was read recently."""
        if key not in self._open_files:
            self._remember(key, await read_batch_file(self._store, key))
        return self._open_files[key]

    async def prefetch(self, numbers: Sequence[int]) -> None:
        """Read the files of these slots side by side, at most 64 of them, since they are asked for next."""
        distinct = dict.fromkeys(self.file_key(number) for number in numbers)
        keys = [key for key in distinct if key not in self._open_files][:_OPEN_FILES]
        for key, data in zip(keys, await self._store.get_all(keys), strict=True):
            self._remember(key, parse_batch_file(data or b""))

    def add_file(self, key: str, numbers: Iterable[int]) -> None:
        """Record that a file holds these slots. If several files hold a slot, the first one added counts."""
        name = batch_name(key)
        location = int(name) if name.isdecimal() else 0
        for number in numbers:
            if number in self:
                continue
            if not location:
                location = -len(self._other_files)
                self._other_files.append(key)
            if number >= len(self._locations):
                self._locations.extend([0] * (number + 1 - len(self._locations)))
            self._locations[number] = location
            self._count += 1

    def _remember(self, key: str, file: BatchFile) -> None:
        self._open_files[key] = file
        if len(self._open_files) > _OPEN_FILES:
            self._open_files.popitem(last=False)


async def open_item_index(store: Store, *, without: Container[tuple[str, int]] | None = None) -> ItemIndex:
    """Index all items of a run except rejected duplicates, or except `without`: pairs of batch file and slot number."""
    rejected = await list_rejected_items(store) if without is None else without
    index = ItemIndex(store, await read_kept_duplicates(store))
    last, later_files = 0, list[str]()
    async for name in list_batch_names(store):
        if name.isdecimal():
            last = max(last, int(name))
        else:
            later_files.append(batch_key(name))
    for key in sorted(later_files):
        index.later_files.setdefault(parse_planned_number(batch_name(key)), []).append(key)
    await _add_files(index, store, (batch_key(number) for number in range(1, last + 1)), rejected)
    await _add_files(index, store, sorted(later_files), rejected)
    return index


async def _add_files(index: ItemIndex, store: Store, keys: Iterable[str], rejected: Container[tuple[str, int]]) -> None:
    for chunk in _split_into_chunks(keys):
        for key, data in zip(chunk, await store.get_all(chunk), strict=True):
            numbers = (int(number) for number in _SLOT.findall(data or b""))
            index.add_file(key, (number for number in numbers if (key, number) not in rejected))


def _split_into_chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    remaining = iter(keys)
    while chunk := list(islice(remaining, _OPEN_FILES)):
        yield chunk

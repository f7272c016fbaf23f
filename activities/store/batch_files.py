"""The items of a run as the store holds them, found by slot number without holding them all."""

import json
import re
from array import array
from collections import OrderedDict
from collections.abc import AsyncIterator, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from activities.store.object_store import Store

_OPEN_FILES = 64
_NUMBER = re.compile(rb'^\{"slot": (\d+),', re.MULTILINE)
"""How every row begins: to know which slots a file holds, its items need not be read."""
Row = dict[str, Any]


class Shelf:
    """Which batch file holds which slot; rows are read file by file, in slot order each is read about once."""

    def __init__(self, store: Store, kept: dict[int, dict[str, Any]]) -> None:
        self._store = store
        self.kept = kept
        """Slots whose item is like another's and was kept all the same."""
        self.again: dict[int, list[str]] = {}
        """Files of a planned batch beside the first, by its number."""
        self._places = array("l")
        """By slot number: the planned batch whose first file holds it, or minus the position in `_others`; 0 is none.
        A hundred thousand names would be 20 MB."""
        self._others: list[str] = [""]
        self._count = 0
        self._files: OrderedDict[str, File] = OrderedDict()

    def __len__(self) -> int:
        return self._count

    def __contains__(self, number: int) -> bool:
        return 0 <= number < len(self._places) and self._places[number] != 0

    def numbers(self) -> Iterator[int]:
        """Every filled slot, in order."""
        return (number for number, place in enumerate(self._places) if place)

    def file_of(self, number: int) -> str:
        """The key of the file that holds a filled slot."""
        place = self._places[number]
        return f"batches/{place}.jsonl" if place > 0 else self._others[-place]

    async def row(self, number: int) -> Row | None:
        """`{"slot", "item", "provenance"}` of a filled slot."""
        return (await self.opened(self.file_of(number))).rows[number] if number in self else None

    async def opened(self, key: str) -> "File":
        """A batch file, from memory where it was read lately."""
        if key not in self._files:
            self._keep(key, file_of(await self._store.get(key) or b""))
        return self._files[key]

    async def ahead(self, numbers: Sequence[int]) -> None:
        """Read the files of these slots, which are asked for next, side by side."""
        wanted = list(dict.fromkeys(self.file_of(number) for number in numbers))
        keys = [key for key in wanted if key not in self._files][:_OPEN_FILES]
        for key, data in zip(keys, await self._store.get_all(keys), strict=True):
            self._keep(key, file_of(data or b""))

    def put(self, key: str, numbers: Iterable[int]) -> None:
        """A file holds these slots. A slot is filled once; the first file would win."""
        name = key.removeprefix("batches/").removesuffix(".jsonl")
        place = int(name) if name.isdecimal() else 0
        for number in numbers:
            if number in self:
                continue
            if not place:
                place = -len(self._others)
                self._others.append(key)
            if number >= len(self._places):
                self._places.extend([0] * (number + 1 - len(self._places)))
            self._places[number] = place
            self._count += 1

    def _keep(self, key: str, file: "File") -> None:
        self._files[key] = file
        if len(self._files) > _OPEN_FILES:
            self._files.popitem(last=False)


@dataclass(frozen=True)
class File:
    """A batch file: rows by slot number, and what its call came to."""

    rows: dict[int, Row]
    call: dict[str, Any] | None


async def read(store: Store, key: str) -> dict[int, Row]:
    """One batch file's rows by slot number."""
    return file_of(await store.get(key) or b"").rows


def file_of(data: bytes) -> File:
    """A batch file's content: a line for each item, and after those one that tells of the call."""
    rows: dict[int, Row] = {}
    call = None
    for line in data.splitlines():
        said = json.loads(line)
        if "call" in said:
            call = said["call"]
        else:
            rows[said["slot"]] = said
    return File(rows, call)


def written(rows: Iterable[Mapping[str, Any]], call: Mapping[str, Any] | None) -> bytes:
    """The same as a file."""
    lines = [*rows, *([{"call": call}] if call is not None else [])]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


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


async def open_shelf(store: Store, *, without: Container[tuple[str, int]] | None = None) -> Shelf:
    """Find every item that is not rejected."""
    rejected = await rejected_items(store) if without is None else without
    shelf = Shelf(store, await kept_although(store))
    last, others = 0, list[str]()
    async for key in store.names("batches/"):
        if key.endswith(".jsonl") and _name(key).isdecimal():
            last = max(last, int(_name(key)))
        elif key.endswith(".jsonl"):
            others.append(key)
    for key in sorted(others):
        shelf.again.setdefault(int(_name(key).partition(".")[0]), []).append(key)
    await _put_all(shelf, store, (f"batches/{number}.jsonl" for number in range(1, last + 1)), rejected)
    await _put_all(shelf, store, sorted(others), rejected)
    return shelf


async def _put_all(shelf: Shelf, store: Store, keys: Iterable[str], rejected: Container[tuple[str, int]]) -> None:
    for some in _chunks(keys):
        for key, data in zip(some, await store.get_all(some), strict=True):
            numbers = (int(number) for number in _NUMBER.findall(data or b""))
            shelf.put(key, (number for number in numbers if (key, number) not in rejected))


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    all_keys = iter(keys)
    while some := list(islice(all_keys, _OPEN_FILES)):
        yield some


def _name(key: str) -> str:
    return key.removeprefix("batches/").removesuffix(".jsonl")

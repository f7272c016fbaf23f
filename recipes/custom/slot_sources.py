"""How the slots of a custom artifact are laid out: a count, a list, the rows of a file, or nested groups. Pure."""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictInt, StrictStr, model_validator

from quire.lazy_sequence import Lazily
from quire.request import Part
from recipes.base.json_lines import objects
from recipes.base.recipe import InputError

Count = Annotated[StrictInt, Field(ge=1)]


def _one_of(*names: str) -> dict[str, Any]:
    """What an editor is told of fields of which exactly one is given."""
    return {"oneOf": [{"required": [name]} for name in names]}


class SlotGroup(Part):
    """A named part of the artifact: so many items, one for each entry of a list, or further groups."""

    model_config = ConfigDict(json_schema_extra=_one_of("count", "list", "groups"))

    name: StrictStr = Field(min_length=1, description="what the group is called")
    count: Count | None = Field(default=None, description="so many items")
    list: tuple[Any, ...] | None = Field(default=None, min_length=1, description="one item for each entry, `entry`")
    groups: tuple["SlotGroup", ...] | None = Field(default=None, min_length=1, description="groups inside this one")
    data: dict[str, Any] = Field(default_factory=dict, description="what the template reads as `group.…`")

    @model_validator(mode="after")
    def _one(self) -> "SlotGroup":
        _exactly_one(self, ("count", "list", "groups"))
        return self


class Slots(Part):
    """How the slots are laid out; exactly one of count, list, rows and groups."""

    model_config = ConfigDict(json_schema_extra=_one_of("count", "list", "rows", "groups"))

    count: Count | None = Field(default=None, description="so many items")
    list: tuple[Any, ...] | None = Field(default=None, min_length=1, description="one item for each entry, `entry`")
    rows: StrictStr | None = Field(default=None, description="one item for each row, `row`, of a .csv or .jsonl file")
    groups: tuple[SlotGroup, ...] | None = Field(default=None, min_length=1, description="nested groups")
    columns: tuple[StrictStr, ...] = Field(default=(), description="columns that every row must have")
    key: StrictStr | None = Field(default=None, description="the column whose value is the item's id")
    each: Count = Field(default=1, description="items for each entry or row")

    @model_validator(mode="after")
    def _one(self) -> "Slots":
        _exactly_one(self, ("count", "list", "rows", "groups"))
        return self


def _exactly_one(part: Part, names: Sequence[str]) -> None:
    if sum(getattr(part, name) is not None for name in names) != 1:
        raise ValueError(f"give exactly one of {', '.join(names)}")


@dataclass(frozen=True)
class Place:
    """One slot before it has a number: its id, the group it stands in, and what its templates read."""

    key: str
    group: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Stretch:
    """Neighbouring places of one group, each made when it is asked for, by its position from 0."""

    group: str
    count: int
    make: Callable[[int], Place]


class Places(Lazily[Place]):
    """Every slot in order."""

    def __init__(self, stretches: Sequence[Stretch], limit: int | None = None) -> None:
        self._stretches = stretches
        self._ends = list(accumulate(stretch.count for stretch in stretches))
        self._count = min(self._ends[-1], limit or self._ends[-1])

    def __len__(self) -> int:
        return self._count

    def made(self, at: int) -> Place:
        index = bisect_right(self._ends, at)
        return self._stretches[index].make(at - (self._ends[index - 1] if index else 0))

    def groups(self) -> list[tuple[str, int]]:
        """Names of the groups and how many places each has, in order."""
        found: list[tuple[str, int]] = []
        left = self._count
        for stretch in self._stretches:
            count = min(left, stretch.count)
            left -= count
            if found and found[-1][0] == stretch.group:
                found[-1] = (stretch.group, found[-1][1] + count)
            elif count:
                found.append((stretch.group, count))
        return found


def stretches(slots: Slots, rows: Sequence[dict[str, Any]]) -> list[Stretch]:
    """The whole layout. `rows` are those of the file, where there is one."""
    if slots.count is not None:
        return [Stretch("", slots.count, partial(_counted, slots.count))]
    if slots.groups is not None:
        return [stretch for group in slots.groups for stretch in _grouped(group, (), slots.each)]
    name = "entry" if slots.list is not None else "row"
    entries = slots.list if slots.list is not None else rows
    return [Stretch("", len(entries) * slots.each, partial(_of_entry, entries, name, slots))]


def _counted(count: int, at: int) -> Place:
    return Place(f"{at + 1:0{max(3, len(str(count)))}d}", "", {"index": at + 1, "count": count})


def _grouped(group: SlotGroup, above: tuple[SlotGroup, ...], each: int) -> Iterator[Stretch]:
    path = (*above, group)
    for inner in group.groups or ():
        yield from _grouped(inner, path, each)
    if group.groups is not None:
        return
    name = "/".join(one.name for one in path)
    data: dict[str, Any] = {}
    for one in path:
        data |= one.data
    known = {"group": data | {"name": group.name, "path": [one.name for one in path]}}
    count = (len(group.list) if group.list is not None else group.count or 0) * each
    yield Stretch(name, count, partial(_of_group, name, known, group.list, count, each))


def _of_group(
    name: str, known: dict[str, Any], entries: Sequence[Any] | None, count: int, each: int, at: int
) -> Place:  # fmt: skip
    values = {"index": at + 1, "count": count, **known}
    return Place(f"{name}/{at + 1}", name, values | ({"entry": entries[at // each]} if entries is not None else {}))


def _of_entry(entries: Sequence[Any], name: str, slots: Slots, at: int) -> Place:
    number, turn = at // slots.each + 1, at % slots.each + 1
    entry = entries[number - 1]
    key = str(entry[slots.key]) if slots.key else _slug(entry, number) if name == "entry" else f"{number:03d}"
    values = {"index": turn, "count": slots.each, name: entry}
    return Place(key if slots.each == 1 else f"{key}/{turn}", "", values)


def _slug(entry: Any, number: int) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", str(entry).lower()).strip("-")[:40] if isinstance(entry, str) else ""
    return f"{number:03d}-{words}" if words else f"{number:03d}"


def read_rows(text: str, document: str, slots: Slots) -> list[dict[str, Any]]:
    """The rows of a CSV or JSON Lines file. Raises InputError that names line and column."""
    if document.endswith((".jsonl", ".ndjson")):
        rows = [row for _, row in objects(text, document, "inputs.slots.rows", "a row is an object")]
    else:
        rows = list(_csv_rows(text, document))
    if not rows:
        raise InputError("inputs.slots.rows", f"{document} has no rows")
    for name in (*slots.columns, *([slots.key] if slots.key else [])):
        for number, row in enumerate(rows, 1):
            if name not in row:
                raise InputError("inputs.slots.rows", missing(document, name, number, row))
    return rows


def missing(document: str, name: str, number: int, row: dict[str, Any]) -> str:
    """What to say of a column that is not there."""
    return f"{document}, row {number}, has no column '{name}'; it has: {', '.join(row)}"


def _csv_rows(text: str, document: str) -> Iterator[dict[str, Any]]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        head = next(reader, [])
        if len(set(head)) < len(head):
            raise InputError("inputs.slots.rows", f"{document}:1: a column is named twice")
        for row in reader:
            if row and len(row) != len(head):
                said = f"{document}:{reader.line_num}: {len(row)} values for {len(head)} columns"
                raise InputError("inputs.slots.rows", said)
            if row:
                yield dict(zip(head, row, strict=True))
    except csv.Error as error:
        raise InputError("inputs.slots.rows", f"{document}:{reader.line_num}: {error}") from None

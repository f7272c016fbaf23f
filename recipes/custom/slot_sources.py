"""Lay out the slots of a custom artifact: a count, a list, the rows of a file, or nested groups. Pure."""

import csv
import io
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate
from typing import Any

from pydantic import ConfigDict, Field, StrictStr, model_validator

from quire.lazy_sequence import LazySequence
from quire.request import Count, Part
from recipes.base.json_lines import parse_json_lines
from recipes.base.recipe import InputError


def _require_one_of(*names: str) -> dict[str, Any]:
    """Return the JSON Schema by which an editor requires exactly one of these fields."""
    return {"oneOf": [{"required": [name]} for name in names]}


class SlotGroup(Part):
    """A named part of the artifact: a number of items, an item for each entry of a list, or further groups."""

    model_config = ConfigDict(json_schema_extra=_require_one_of("count", "list", "groups"))

    name: StrictStr = Field(min_length=1, description="what the group is called")
    count: Count | None = Field(default=None, description="the number of items")
    list: tuple[Any, ...] | None = Field(default=None, min_length=1, description="one item for each entry, `entry`")
    groups: tuple["SlotGroup", ...] | None = Field(default=None, min_length=1, description="groups inside this one")
    data: dict[str, Any] = Field(default_factory=dict, description="what the template reads as `group.…`")

    @model_validator(mode="after")
    def _check_source(self) -> "SlotGroup":
        _check_exactly_one(self, ("count", "list", "groups"))
        return self


class SlotSource(Part):
    """The source of the slots: exactly one of count, list, rows and groups."""

    model_config = ConfigDict(json_schema_extra=_require_one_of("count", "list", "rows", "groups"))

    count: Count | None = Field(default=None, description="the number of items")
    list: tuple[Any, ...] | None = Field(default=None, min_length=1, description="one item for each entry, `entry`")
    rows: StrictStr | None = Field(default=None, description="one item for each row, `row`, of a .csv or .jsonl file")
    groups: tuple[SlotGroup, ...] | None = Field(default=None, min_length=1, description="nested groups")
    columns: tuple[StrictStr, ...] = Field(default=(), description="columns that every row must have")
    key: StrictStr | None = Field(default=None, description="the column whose value is the item's id")
    each: Count = Field(default=1, description="items for each entry or row")

    @model_validator(mode="after")
    def _check_source(self) -> "SlotSource":
        _check_exactly_one(self, ("count", "list", "rows", "groups"))
        return self


def _check_exactly_one(part: Part, names: Sequence[str]) -> None:
    if sum(getattr(part, name) is not None for name in names) != 1:
        raise ValueError(f"give exactly one of {', '.join(names)}")


@dataclass(frozen=True)
class SlotDraft:
    """A slot before it has a number: its id, its group, and the values that its templates read."""

    key: str
    group: str
    values: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class DraftRange:
    """Neighbouring drafts of a group. `make` builds each on demand, by its position in the range from 0."""

    group: str
    count: int
    make: Callable[[int], SlotDraft]


class SlotDrafts(LazySequence[SlotDraft]):
    """The drafts of all slots, in order."""

    def __init__(self, ranges: Sequence[DraftRange], limit: int | None = None) -> None:
        self._ranges = ranges
        self._ends = list(accumulate(part.count for part in ranges))
        self._count = min(self._ends[-1], limit or self._ends[-1])

    def __len__(self) -> int:
        return self._count

    def build_entry(self, position: int) -> SlotDraft:
        part = bisect_right(self._ends, position)
        return self._ranges[part].make(position - (self._ends[part - 1] if part else 0))

    def count_by_group(self) -> list[tuple[str, int]]:
        """Return each group's name and number of drafts, in order."""
        groups: list[tuple[str, int]] = []
        remaining = self._count
        for part in self._ranges:
            count = min(remaining, part.count)
            remaining -= count
            if groups and groups[-1][0] == part.group:
                groups[-1] = (part.group, groups[-1][1] + count)
            elif count:
                groups.append((part.group, count))
        return groups


def list_draft_ranges(source: SlotSource, rows: Sequence[dict[str, Any]]) -> list[DraftRange]:
    """Return the layout of all slots. `rows` are those of the source's file, if it has one."""
    if source.count is not None:
        return [DraftRange("", source.count, partial(_draft_counted, source.count))]
    if source.groups is not None:
        return [part for group in source.groups for part in _list_group_ranges(group, (), source.each)]
    name = "entry" if source.list is not None else "row"
    entries = source.list if source.list is not None else rows
    return [DraftRange("", len(entries) * source.each, partial(_draft_entry, entries, name, source))]


def _list_group_ranges(group: SlotGroup, parents: tuple[SlotGroup, ...], each: int) -> Iterator[DraftRange]:
    path = (*parents, group)
    for inner in group.groups or ():
        yield from _list_group_ranges(inner, path, each)
    if group.groups is not None:
        return
    names = [level.name for level in path]
    data: dict[str, Any] = {}
    for level in path:
        data |= level.data
    values = {"group": data | {"name": group.name, "path": names}}
    count = (len(group.list) if group.list is not None else group.count or 0) * each
    name = "/".join(names)
    yield DraftRange(name, count, partial(_draft_of_group, name, values, group.list, count, each))


def find_count_field(source: SlotSource) -> str:
    """Return the field that makes the items many, with a dot before it."""
    return ".each" if source.each > 1 else ".count" if source.count is not None else ".groups" if source.groups else ""


def check_group_names(groups: Sequence[SlotGroup], field: str) -> None:
    """Raise InputError if two groups at the same place have the same name: ids are made of the names."""
    names: set[str] = set()
    for index, group in enumerate(groups):
        if group.name in names:
            raise InputError(f"{field}.{index}.name", f"a second group is called '{group.name}'; choose another name")
        names.add(group.name)
        check_group_names(group.groups or (), f"{field}.{index}.groups")


def _draft_counted(count: int, index: int) -> SlotDraft:
    return SlotDraft(f"{index + 1:0{max(3, len(str(count)))}d}", "", {"index": index + 1, "count": count})


def _draft_of_group(
    name: str, shared: dict[str, Any], entries: Sequence[Any] | None, count: int, each: int, index: int
) -> SlotDraft:  # fmt: skip
    values = {"index": index + 1, "count": count, **shared}
    entry = {"entry": entries[index // each]} if entries is not None else {}
    return SlotDraft(f"{name}/{index + 1}", name, values | entry)


def _draft_entry(entries: Sequence[Any], name: str, source: SlotSource, index: int) -> SlotDraft:
    number, repeat = index // source.each + 1, index % source.each + 1
    entry = entries[number - 1]
    key = str(entry[source.key]) if source.key else _make_slug(entry, number) if name == "entry" else f"{number:03d}"
    values = {"index": repeat, "count": source.each, name: entry}
    return SlotDraft(key if source.each == 1 else f"{key}/{repeat}", "", values)


def _make_slug(entry: Any, number: int) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", str(entry).lower()).strip("-")[:40] if isinstance(entry, str) else ""
    return f"{number:03d}-{words}" if words else f"{number:03d}"


def read_rows(text: str, document: str, source: SlotSource) -> list[dict[str, Any]]:
    """Return the rows of a CSV or JSON Lines file. Raises InputError that names line and column."""
    if document.endswith((".jsonl", ".ndjson")):
        rows = [row for _, row in parse_json_lines(text, document, "inputs.slots.rows", "a row is an object")]
    else:
        rows = list(_read_csv_rows(text, document))
    if not rows:
        raise InputError("inputs.slots.rows", f"{document} has no rows")
    for name in (*source.columns, *([source.key] if source.key else [])):
        for number, row in enumerate(rows, 1):
            if name not in row:
                raise InputError("inputs.slots.rows", missing_column_message(document, name, number, row))
    return rows


def missing_column_message(document: str, name: str, number: int, row: dict[str, Any]) -> str:
    """Return the error message for a row that lacks a column."""
    return f"{document}, row {number}, has no column '{name}'; it has: {', '.join(row)}"


def _read_csv_rows(text: str, document: str) -> Iterator[dict[str, Any]]:
    reader = csv.reader(io.StringIO(text), strict=True)
    try:
        head = next(reader, [])
        if len(set(head)) < len(head):
            raise InputError("inputs.slots.rows", f"{document}:1: two columns have the same name")
        for row in reader:
            if row and len(row) != len(head):
                message = f"{document}:{reader.line_num}: {len(row)} values for {len(head)} columns"
                raise InputError("inputs.slots.rows", message)
            if row:
                yield dict(zip(head, row, strict=True))
    except csv.Error as error:
        raise InputError("inputs.slots.rows", f"{document}:{reader.line_num}: {error}") from None

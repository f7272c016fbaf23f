"""`artifact.csv`: a row for each item, for spreadsheets. RFC 4180, with the mark by which Excel knows UTF-8."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from activities.output.output_format import Bound, Entry, Form, fetched, own_lines
from activities.store.object_store import Store, Writer
from quire.schema_columns import Kind, kind_of, leaves
from recipes.base.recipe import Item

_MARK = b"\xef\xbb\xbf"
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""How a text begins that a spreadsheet would run, behind any apostrophes: those are doubled, so that it reads back."""

_LONGEST = 1 << 30
"""Characters of a cell: the library's own limit is 131,072."""


class CsvForm(Form):
    """Flat: the fields of an object become dotted columns, a list is JSON in its cell."""

    address = file = "artifact.csv"

    def __init__(self, bound: Bound, file: Writer) -> None:
        super().__init__(bound, file)
        self._kind = _kind(bound)
        self._columns = list(leaves(self._kind))
        self._lost: set[str] = set()
        self._page = io.StringIO(newline="")
        self._rows = csv.writer(self._page)

    async def begin(self) -> None:
        self._rows.writerow([".".join(path) for path, _ in self._columns])
        await self.out.write(_MARK + self._taken())

    async def add(self, item: Item) -> None:
        for line in self.bound.recipe.lines(item):
            flat = self.bound.recipe.flat(line)
            self._note(self._kind, flat)
            self._rows.writerow([_cell(kind, _at(flat, path)) for path, kind in self._columns])
        await self.out.write(self._taken())

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        return left_out(self.address, self._lost)

    def _taken(self) -> bytes:
        data = self._page.getvalue().encode()
        self._page.seek(0)
        self._page.truncate()
        return data

    def _note(self, kind: Kind, value: Any, at: str = "") -> None:
        """Fields that the schema does not name have no column."""
        if kind.name != "struct" or not isinstance(value, dict):
            return
        known = dict(kind.fields)
        for name, part in value.items():
            if name in known:
                self._note(known[name], part, f"{at}{name}.")
            else:
                self._lost.add(at + name)

    @classmethod
    async def read_back(cls, store: Store, bound: Bound) -> AsyncIterator[Entry]:
        csv.field_size_limit(_LONGEST)
        kind = _kind(bound)
        head = [".".join(path) for path, _ in leaves(kind)]
        async with fetched(store, cls.file) as copy:
            rows = csv.reader(io.TextIOWrapper(copy, "utf-8-sig", newline=""), strict=True)
            try:
                if next(rows, None) != head:
                    raise ValueError(f"the columns are not {', '.join(head)}")
                for row in rows:
                    if len(row) != len(head):
                        raise ValueError(f"line {rows.line_num} has {len(row)} cells for {len(head)} columns")
                    flat: Item = _value(kind, iter(row)) or {}
                    yield Entry(None if own_lines(bound.recipe) else flat.get("id", ""), flat)
            except csv.Error as error:
                raise ValueError(f"line {rows.line_num}: {error}") from error

    @classmethod
    def schema(cls, bound: Bound) -> dict[str, Any]:
        return bound.recipe.flat_schema(bound.slots)


def left_out(address: str, lost: set[str]) -> list[str]:
    """What to say of fields that have no column, or a value that does not fit it."""
    if not lost:
        return []
    names = ", ".join(sorted(lost)[:10])
    return [f"{address} leaves out what the item's schema has no room for: {names}; json and jsonl have it"]


def _kind(bound: Bound) -> Kind:
    return kind_of(bound.recipe.flat_schema(bound.slots))


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _cell(kind: Kind, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and kind.name == "string":
        return f"'{value}" if _FORMULA.match(value) else value
    return json.dumps(value, ensure_ascii=False)


def _value(kind: Kind, cells: Iterator[str]) -> Any:
    """What a row's cells hold, taken one by one in the columns' order."""
    if kind.name == "struct":
        parts = [(name, inner, _value(inner, cells)) for name, inner in kind.fields]
        if not kind.required and all(part is None for _, _, part in parts):
            return None
        return {name: part for name, inner, part in parts if part is not None or inner.required}
    cell = next(cells)
    if kind.name == "string":
        if not cell and not kind.required:
            return None
        return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
    if not cell:
        return None
    return json.loads(cell)

"""`artifact.csv`: one row per item, for spreadsheets. RFC 4180, with the byte order mark that tells Excel UTF-8."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from activities.output.output_format import ArtifactContext, ArtifactEntry, OutputFormat, has_own_lines, open_local_copy
from activities.store.object_store import Store, StoreWriter
from quire.schema_columns import ColumnType, derive_column_type, iter_flat_columns
from recipes.base.recipe import Item

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")
"""The beginning of a text that a spreadsheet would execute. Such a text gets an apostrophe in front, and so does one
that already has apostrophes there, so that reading back removes exactly one."""

_MAX_CELL = 1 << 30
"""Characters that a cell may have when it is read back: the library's default limit is 131,072."""


class CsvFormat(OutputFormat):
    """A flat table: the fields of an object become dotted columns, a list is JSON in its cell."""

    address = file = "artifact.csv"

    def __init__(self, context: ArtifactContext, writer: StoreWriter) -> None:
        super().__init__(context, writer)
        self._kind = _get_row_kind(context)
        self._columns = list(iter_flat_columns(self._kind))
        self._left_out: set[str] = set()
        self._buffer = io.StringIO(newline="")
        self._rows = csv.writer(self._buffer)

    async def begin(self) -> None:
        self._rows.writerow([".".join(path) for path, _ in self._columns])
        await self.writer.write(_BYTE_ORDER_MARK + self._take_buffer())

    async def add_item(self, item: Item) -> None:
        for line in self.context.recipe.to_lines(item):
            flat = self.context.recipe.to_columns(line)
            self._note_left_out(self._kind, flat)
            self._rows.writerow([_encode_cell(kind, _get_by_path(flat, path)) for path, kind in self._columns])
        await self.writer.write(self._take_buffer())

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        return describe_left_out_fields(self.address, self._left_out)

    def _take_buffer(self) -> bytes:
        data = self._buffer.getvalue().encode()
        self._buffer.seek(0)
        self._buffer.truncate()
        return data

    def _note_left_out(self, kind: ColumnType, value: Any, path: str = "") -> None:
        """Note fields that have no column, because the schema does not name them."""
        if kind.name != "struct" or not isinstance(value, dict):
            return
        fields = dict(kind.fields)
        for name, inner in value.items():
            if name in fields:
                self._note_left_out(fields[name], inner, f"{path}{name}.")
            else:
                self._left_out.add(path + name)

    @classmethod
    async def read_back(cls, store: Store, context: ArtifactContext) -> AsyncIterator[ArtifactEntry]:
        csv.field_size_limit(_MAX_CELL)
        kind = _get_row_kind(context)
        head = [".".join(path) for path, _ in iter_flat_columns(kind)]
        async with open_local_copy(store, cls.file) as copy:
            rows = csv.reader(io.TextIOWrapper(copy, "utf-8-sig", newline=""), strict=True)
            try:
                if next(rows, None) != head:
                    raise ValueError(f"the columns are not {', '.join(head)}")
                for row in rows:
                    if len(row) != len(head):
                        raise ValueError(f"line {rows.line_num} has {len(row)} cells for {len(head)} columns")
                    flat: Item = _decode_row(kind, iter(row)) or {}
                    yield ArtifactEntry(None if has_own_lines(context.recipe) else flat.get("id", ""), flat)
            except csv.Error as error:
                raise ValueError(f"line {rows.line_num}: {error}") from error

    @classmethod
    def get_entry_schema(cls, context: ArtifactContext) -> dict[str, Any]:
        return context.recipe.column_schema(context.slots)


def describe_left_out_fields(address: str, left_out: set[str]) -> list[str]:
    """Return a warning about fields that have no column, or whose value does not fit the column; empty if none."""
    if not left_out:
        return []
    names = ", ".join(sorted(left_out)[:10])
    return [f"{address} leaves out fields that do not fit the item's schema: {names}; json and jsonl contain them"]


def _get_row_kind(context: ArtifactContext) -> ColumnType:
    return derive_column_type(context.recipe.column_schema(context.slots))


def _get_by_path(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _encode_cell(kind: ColumnType, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and kind.name == "string":
        return f"'{value}" if _FORMULA.match(value) else value
    return json.dumps(value, ensure_ascii=False)


def _decode_row(kind: ColumnType, cells: Iterator[str]) -> Any:
    """Return the value of a row, consuming one cell per column in order."""
    if kind.name == "struct":
        values = [(name, inner, _decode_row(inner, cells)) for name, inner in kind.fields]
        if not kind.required and all(value is None for _, _, value in values):
            return None
        return {name: value for name, inner, value in values if value is not None or inner.required}
    cell = next(cells)
    if kind.name == "string":
        if not cell and not kind.required:
            return None
        return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
    if not cell:
        return None
    return json.loads(cell)

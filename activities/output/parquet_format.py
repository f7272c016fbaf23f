"""`artifact.parquet`: one row per item, with nested fields. Needs the extra `parquet`."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

from activities.errors import setup_error
from activities.heartbeats import regular_heartbeats
from activities.optional_packages import how_to_install
from activities.output.csv_format import describe_left_out_fields
from activities.output.output_format import (
    ArtifactContext,
    ArtifactEntry,
    OutputFormat,
    copy_stream,
    encode_json_line,
    has_own_lines,
    open_local_copy,
)
from activities.store.object_store import Store, StoreWriter
from quire.schema_columns import ColumnType, derive_column_type, from_column_value, to_column_value
from recipes.base.recipe import Item

if TYPE_CHECKING:
    from arro3.core import DataType, Schema

_ROWS_PER_GROUP = 5000
"""Rows per row group: a group is held in memory until it is written."""


class ParquetFormat(OutputFormat):
    """A Parquet file. Rows are collected in a temporary file and converted at the end, since Parquet stores columns."""

    address = file = "artifact.parquet"

    def __init__(self, context: ArtifactContext, writer: StoreWriter) -> None:
        super().__init__(context, writer)
        missing = self.find_missing_package()
        if missing:
            raise setup_error(missing)
        self._kind = _get_row_kind(context)
        self._left_out: set[str] = set()
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115 - open until the last item

    @staticmethod
    def find_missing_package() -> str | None:
        if find_spec("arro3") and find_spec("arro3.io") and find_spec("arro3.core"):
            return None
        return f"parquet needs arro3; {how_to_install('parquet')}"

    async def add_item(self, item: Item) -> None:
        for line in self.context.recipe.to_lines(item):
            self._rows.write(encode_json_line(to_column_value(self._kind, line, self._left_out)))

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        with self._rows as rows, tempfile.TemporaryFile() as table:
            rows.seek(0)
            await _run_in_thread(_convert_to_parquet, rows, table, self._kind)
            await copy_stream(table, self.writer)
        return describe_left_out_fields(self.address, self._left_out)

    @classmethod
    async def read_back(cls, store: Store, context: ArtifactContext) -> AsyncIterator[ArtifactEntry]:
        kind = _get_row_kind(context)
        async with open_local_copy(store, cls.file) as table:
            with tempfile.TemporaryFile() as rows:
                await _run_in_thread(_convert_to_json_lines, table, rows)
                rows.seek(0)
                for row in rows:
                    line: Item = from_column_value(kind, json.loads(row))
                    yield ArtifactEntry(None if has_own_lines(context.recipe) else line.get("id", ""), line)

    @classmethod
    def get_entry_schema(cls, context: ArtifactContext) -> dict[str, Any]:
        return context.recipe.line_schema(context.slots)


def _get_row_kind(context: ArtifactContext) -> ColumnType:
    return derive_column_type(context.recipe.line_schema(context.slots))


async def _run_in_thread(function: Callable[..., None], *arguments: object) -> None:
    """Call a function in a thread and send heartbeats meanwhile: a million rows take more than a few seconds."""
    with regular_heartbeats():
        await asyncio.to_thread(function, *arguments)


def _convert_to_parquet(rows: IO[bytes], table: IO[bytes], kind: ColumnType) -> None:
    from arro3.io import read_json, write_parquet

    write_parquet(
        read_json(rows, _to_arrow_schema(kind)), table, compression="zstd(3)", max_row_group_size=_ROWS_PER_GROUP
    )


def _convert_to_json_lines(table: IO[bytes], rows: IO[bytes]) -> None:
    from arro3.io import read_parquet, write_ndjson

    try:
        write_ndjson(read_parquet(table), rows)
    except BaseException as error:  # arro3 raises a bare Exception or a panic for any fault of a file
        raise ValueError(f"not a Parquet file: {error}") from error


def _to_arrow_schema(kind: ColumnType) -> "Schema":
    from arro3.core import Field, Schema

    return Schema([Field(name, _to_arrow_type(inner)) for name, inner in kind.fields])


def _to_arrow_type(kind: ColumnType) -> "DataType":
    from arro3.core import DataType, Field

    if kind.name == "struct":
        return DataType.struct([Field(name, _to_arrow_type(inner)) for name, inner in kind.fields])
    if kind.entry is not None:
        return DataType.list(Field("element", _to_arrow_type(kind.entry)))
    plain_types = {"integer": DataType.int64, "number": DataType.float64, "boolean": DataType.bool}
    return plain_types.get(kind.name, DataType.string)()

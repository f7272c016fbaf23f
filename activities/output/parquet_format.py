"""`artifact.parquet`: a row for each item, nested fields kept. Needs the extra `parquet`."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any

from temporalio import activity

from activities.model.http_errors import setup_error
from activities.output.csv_format import left_out
from activities.output.output_format import Bound, Entry, Form, fetched, line, own_lines, poured
from activities.store.object_store import Store, Writer
from quire.schema_columns import Kind, fitted, kind_of, plain
from recipes.base.recipe import Item

if TYPE_CHECKING:
    from arro3.core import DataType, Schema

_GROUP = 5000
"""Rows that are held until they are written, as a row group."""
_MISSING = "parquet needs arro3; install it with: uv sync --extra parquet"


class ParquetForm(Form):
    """The rows are gathered on this machine's disk; Parquet is written by columns, group after group, at the end."""

    address = file = "artifact.parquet"

    def __init__(self, bound: Bound, file: Writer) -> None:
        super().__init__(bound, file)
        if self.lacks():
            raise setup_error(_MISSING)
        self._kind = _kind(bound)
        self._lost: set[str] = set()
        self._rows = tempfile.TemporaryFile()  # noqa: SIM115 - open until the last item

    @staticmethod
    def lacks() -> str | None:
        return None if find_spec("arro3") and find_spec("arro3.io") and find_spec("arro3.core") else _MISSING

    async def add(self, item: Item) -> None:
        for said in self.bound.recipe.lines(item):
            self._rows.write(line(fitted(self._kind, said, self._lost)))

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        with self._rows as rows, tempfile.TemporaryFile() as table:
            rows.seek(0)
            await _in_a_thread(_to_parquet, rows, table, self._kind)
            await poured(table, self.out)
        return left_out(self.address, self._lost)

    @classmethod
    async def read_back(cls, store: Store, bound: Bound) -> AsyncIterator[Entry]:
        kind = _kind(bound)
        async with fetched(store, cls.file) as table:
            with tempfile.TemporaryFile() as rows:
                await _in_a_thread(_to_lines, table, rows)
                rows.seek(0)
                for row in rows:
                    said: Item = plain(kind, json.loads(row))
                    yield Entry(None if own_lines(bound.recipe) else said.get("id", ""), said)

    @classmethod
    def schema(cls, bound: Bound) -> dict[str, Any]:
        return bound.recipe.line_schema(bound.slots)


def _kind(bound: Bound) -> Kind:
    return kind_of(bound.recipe.line_schema(bound.slots))


async def _in_a_thread(work: Callable[..., None], *about: object) -> None:
    """Do it while this process answers others, and heartbeat: a million rows are more than a few seconds."""
    doing = asyncio.create_task(asyncio.to_thread(work, *about))
    while not (await asyncio.wait({doing}, timeout=5))[0]:
        if activity.in_activity():
            activity.heartbeat()
    await doing


def _to_parquet(rows: IO[bytes], table: IO[bytes], kind: Kind) -> None:
    from arro3.io import read_json, write_parquet

    write_parquet(read_json(rows, _schema(kind)), table, compression="zstd(3)", max_row_group_size=_GROUP)


def _to_lines(table: IO[bytes], rows: IO[bytes]) -> None:
    from arro3.io import read_parquet, write_ndjson

    try:
        write_ndjson(read_parquet(table), rows)
    except BaseException as error:  # of whatever is wrong with a file arro3 makes a bare Exception or a panic
        raise ValueError(f"not a Parquet file: {error}") from error


def _schema(kind: Kind) -> "Schema":
    from arro3.core import Field, Schema

    return Schema([Field(name, _type(inner)) for name, inner in kind.fields])


def _type(kind: Kind) -> "DataType":
    from arro3.core import DataType, Field

    if kind.name == "struct":
        return DataType.struct([Field(name, _type(inner)) for name, inner in kind.fields])
    if kind.entry is not None:
        return DataType.list(Field("element", _type(kind.entry)))
    plain_types = {"integer": DataType.int64, "number": DataType.float64, "boolean": DataType.bool}
    return plain_types.get(kind.name, DataType.string)()

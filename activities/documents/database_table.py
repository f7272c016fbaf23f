"""Read a database table as JSON Lines, by an address such as `sqlite:///file.db?table=positions` or
`postgresql://…?table=…`."""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit, urlunsplit

from activities.documents.readable_folders import ReadableFolders
from activities.optional_packages import how_to_install
from recipes.base.recipe import InputError

_SCHEMES = ("sqlite", "postgresql", "postgres")
_TABLE_NAME = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?$")


def is_table_address(address: str) -> bool:
    """Return True if an input is the address of a database table."""
    return address.partition(":")[0] in _SCHEMES and "://" in address


def parse_table_name(address: str) -> str:
    """Return the name of the table in an address. Raises KeyError if the address has none."""
    return parse_qs(urlsplit(address).query)["table"][0]


def read_database_table(address: str, base: Path, field: str, readable: ReadableFolders | None = None) -> str:
    """Return every row as a line of JSON, ordered by the first column; relative paths are relative to `base`.

    Raises InputError for `field` if the address is wrong, the table cannot be read, or it has no rows.
    """
    try:
        table = parse_table_name(address)
    except KeyError:
        raise InputError(
            field, "the address names no table; add it, as in sqlite:///positions.db?table=positions"
        ) from None
    if not _TABLE_NAME.match(table):
        raise InputError(field, f"'{table}' is not a valid table name")
    query = f"SELECT * FROM {table} ORDER BY 1"
    rows = (
        _query_sqlite(address, base, query, field, readable)
        if address.startswith("sqlite")
        else _query_postgres(address, query, field)
    )
    text = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    if not text:
        raise InputError(field, f"the table {table} has no rows")
    return text


def _query_sqlite(
    address: str, base: Path, query: str, field: str, readable: ReadableFolders | None
) -> list[dict[str, Any]]:
    parts = urlsplit(address)
    file = base / unquote(parts.netloc + parts.path.removeprefix("/")) if not parts.path.startswith("//") else None
    path = Path(unquote(parts.path[1:])) if file is None else file
    if readable is not None:
        readable.require(path, field)
    if not path.is_file():
        raise InputError(field, f"there is no file {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            cursor = connection.execute(query)
            return _to_mappings([column[0] for column in cursor.description], cursor)
    except sqlite3.Error as error:
        raise InputError(field, f"{path}: {error}") from error


def _query_postgres(address: str, query: str, field: str) -> list[dict[str, Any]]:
    try:
        import psycopg
    except ImportError:
        raise InputError(field, f"PostgreSQL needs psycopg; {how_to_install('postgres')}") from None
    parts = urlsplit(address)
    if parts.password:
        raise InputError(field, "remove the password from the address; set PGPASSWORD or use ~/.pgpass instead")
    options = {key: value[0] for key, value in parse_qs(parts.query).items() if key != "table"}
    connection_address = urlunsplit(parts._replace(query=urlencode(options)))
    try:
        with psycopg.connect(connection_address, connect_timeout=10) as connection:
            cursor = connection.execute(query)  # pyright: ignore[reportArgumentType, reportCallIssue]
            return _to_mappings([column.name for column in cursor.description or ()], cursor)
    except psycopg.Error as error:
        raise InputError(field, f"PostgreSQL: {str(error).splitlines()[0]}") from None


def _to_mappings(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in rows]

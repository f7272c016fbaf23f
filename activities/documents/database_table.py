"""A database table as JSON Lines, read with one query: `sqlite:///file.db?table=positions`, `postgresql://…?table=…`."""

import json
import re
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit, urlunsplit

from recipes.base.recipe import InputError

_SCHEMES = ("sqlite", "postgresql", "postgres")
_NAME = re.compile(r"^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)?$")


def is_table(address: str) -> bool:
    """Whether an input is a database table's address."""
    return address.partition(":")[0] in _SCHEMES and "://" in address


def name(address: str) -> str:
    """The table's name. Raises KeyError where the address names none."""
    return parse_qs(urlsplit(address).query)["table"][0]


def read(address: str, base: Path, field: str) -> str:
    """Every row as a line of JSON, ordered by the first column; InputError in words where that cannot be."""
    try:
        table = name(address)
    except KeyError:
        raise InputError(
            field, "the address names no table; write it as sqlite:///positions.db?table=positions"
        ) from None
    if not _NAME.match(table):
        raise InputError(field, f"'{table}' cannot be a table's name")
    query = f"SELECT * FROM {table} ORDER BY 1"
    rows = _sqlite(address, base, query, field) if address.startswith("sqlite") else _postgres(address, query, field)
    text = "".join(json.dumps(row, ensure_ascii=False, default=str) + "\n" for row in rows)
    if not text:
        raise InputError(field, f"the table {table} has no rows")
    return text


def _sqlite(address: str, base: Path, query: str, field: str) -> list[dict[str, Any]]:
    parts = urlsplit(address)
    file = base / unquote(parts.netloc + parts.path.removeprefix("/")) if not parts.path.startswith("//") else None
    path = Path(unquote(parts.path[1:])) if file is None else file
    if not path.is_file():
        raise InputError(field, f"there is no file {path}")
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute(query)
            return _rows([column[0] for column in found.description], found)
    except sqlite3.Error as error:
        raise InputError(field, f"{path}: {error}") from error


def _postgres(address: str, query: str, field: str) -> list[dict[str, Any]]:
    try:
        import psycopg
    except ImportError:
        raise InputError(field, "PostgreSQL needs a driver: uv sync --extra postgres") from None
    parts = urlsplit(address)
    if parts.password:
        raise InputError(field, "leave the password out of the address; give it as PGPASSWORD or in ~/.pgpass")
    options = {key: value[0] for key, value in parse_qs(parts.query).items() if key != "table"}
    plain = urlunsplit(parts._replace(query=urlencode(options)))
    try:
        with psycopg.connect(plain, connect_timeout=10) as connection:
            found = connection.execute(query)  # pyright: ignore[reportArgumentType, reportCallIssue]
            return _rows([column.name for column in found.description or ()], found)
    except psycopg.Error as error:
        raise InputError(field, f"PostgreSQL: {str(error).splitlines()[0]}") from None


def _rows(columns: Sequence[str], found: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, row, strict=True)) for row in found]

"""Parse input files of one JSON object per line; errors name the line. Pure."""

import json
from collections.abc import Iterator
from typing import Any, cast

from recipes.base.recipe import InputError


def parse_json_lines(
    text: str, document: str, field: str, form: str = "a line is an object"
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each object with the number of its line; empty lines are skipped. Raises InputError.

    `form` says in the error what a line looks like. Only a line feed ends a line: JSON may contain U+2028.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise InputError(field, f"{document}:{number}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise InputError(field, f"{document}:{number}: {form}")
        yield number, cast(dict[str, Any], row)

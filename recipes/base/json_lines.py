"""Input files of one JSON object a line, with errors that name the line. Pure."""

import json
from collections.abc import Iterator
from typing import Any, cast

from recipes.base.recipe import InputError


def objects(
    text: str, document: str, field: str, form: str = "a line is an object"
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each object with the number of its line; empty lines are passed over. `form` says how a line should look.

    Lines end with a line feed and nothing else: U+2028 may stand in JSON.
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

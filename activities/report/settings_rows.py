"""A run's settings as rows, with nothing in them that is secret."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from quire.request import Request

_LONGEST = 600
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"(?<=[?&])([^=&#\s]+)=[^&#\s]+")
Rows = dict[str, str]


def rows(request: Request) -> Rows:
    """Every setting by its dotted name, defaults included, as a person would write it."""
    said = {name: _whole(getattr(request, name)) for name in type(request).model_fields}
    return dict(_flat("", said))


def _whole(value: Any) -> Any:
    """A part with its defaults: what travels holds only what was said."""
    fields = getattr(type(value), "model_fields", None)
    if fields is not None:
        return {name: _whole(getattr(value, name)) for name in fields}
    if isinstance(value, tuple | list):
        return [_whole(part) for part in cast(list[Any], value)]
    return value


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        parts = cast(Mapping[str, Any], value).items()
        return [row for key, part in parts for row in _flat(f"{name}.{key}" if name else str(key), part)]
    return [(name, _shown(value))] if value is not None else []


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = without_secrets(text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


def without_secrets(text: str) -> str:
    """An address may carry a user, a password or a token: those are left out."""
    return _QUERY.sub(r"\1=…", _CREDENTIALS.sub("…@", text)) if "://" in text else text

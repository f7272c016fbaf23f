"""A run's settings as rows of the page, without secrets."""

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from quire.request import Request

_MAX_LENGTH = 600
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")
_QUERY = re.compile(r"(?<=[?&])([^=&#\s]+)=[^&#\s]+")


def list_settings(request: Request) -> dict[str, str]:
    """Return every setting by its dotted name, defaults included, as a person would write it."""
    settings = {name: _add_defaults(getattr(request, name)) for name in type(request).model_fields}
    return dict(_flatten("", settings))


def _add_defaults(value: Any) -> Any:
    """Return a part of the request with its defaults, which the stored request leaves out."""
    fields = getattr(type(value), "model_fields", None)
    if fields is not None:
        return {name: _add_defaults(getattr(value, name)) for name in fields}
    if isinstance(value, tuple | list):
        return [_add_defaults(part) for part in cast(list[Any], value)]
    return value


def _flatten(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        parts = cast(Mapping[str, Any], value).items()
        return [row for key, part in parts for row in _flatten(f"{name}.{key}" if name else str(key), part)]
    return [(name, _format_setting(value))] if value is not None else []


def _format_setting(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = remove_secrets(text)
    return text if len(text) <= _MAX_LENGTH else f"{text[:_MAX_LENGTH]}… ({len(text):,} characters)"


def remove_secrets(text: str) -> str:
    """Return a text without the user, password and query values that an address in it may carry."""
    return _QUERY.sub(r"\1=…", _CREDENTIALS.sub("…@", text)) if "://" in text else text

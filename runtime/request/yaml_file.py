"""YAML as people write it, read within bounds of size, depth and aliases; slips are explained by file, line, field."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from runtime.errors import SetupError

MAX_BYTES = 10_000_000
MAX_DEPTH = 100
MAX_VALUES = 1_000_000
"""Values of a request with all its aliases written out; 50 letters count as one more. A few lines of aliases of aliases
stand for billions of values."""
LETTERS_PER_VALUE = 50
_NOT_YAML = re.compile("[^\t\n\r\u0020-\u007e\u0085\u00a0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_OPEN_TEMPLATE = re.compile(r"(?:^|[:\-,\[]\s+)\{[{%#]")
_KEY = re.compile(r"( *)((?:- +)*)([\w.-]+) *:")
QUOTE_HINT = "a template must stand in quotes, or on the lines after `|`: YAML reads `{` as the beginning of a mapping"
FindOrigin = Callable[[Sequence[str]], str]
"""Returns where a field was set, such as `file:line`, for messages."""


def read_yaml_file(path: Path) -> dict[str, Any]:
    """Return the fields of a YAML or JSON file as ruamel's containers, which know their lines. Raises SetupError."""
    text = _read_text(path)
    if match := _NOT_YAML.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise SetupError(
            f"{path}:{line}: {_find_field(text, line)}the control character U+{ord(match[0]):04X} is not allowed; "
            'leave it out, or write it as an escape in double quotes, "\\x1b"'
        )
    try:
        fields: Any = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        problem = str(error.problem).split(" with value")[0]
        raise SetupError(f"{path}:{_find_line(error)}: {problem}; keep one of them") from None
    except MarkedYAMLError as error:
        line, hint = _explain_syntax(text, error)
        raise SetupError(f"{path}:{line}: {_find_field(text, line)}{hint}") from None
    except RecursionError:
        raise SetupError(f"{path}:1: nested deeper than {MAX_DEPTH} levels") from None
    except Exception as error:  # ruamel raises plain ValueErrors for broken dates and the like
        line, value = _find_bad_scalar(text)
        problem = "this number is too large" if value.lstrip("-+").isdecimal() else _first_line(error)
        raise SetupError(f"{path}:{line}: {_find_field(text, line)}{problem}") from None
    if not isinstance(fields, dict):
        raise SetupError(f"{path}:1: a request is a mapping of fields such as `recipe: oq_suite`")
    return cast(dict[str, Any], fields)


def drop_anchor_fields(fields: dict[str, Any]) -> None:
    """Remove the top-level fields that begin with `x-`, whose only use is to hold anchors."""
    for name in [name for name in fields if str(name).startswith("x-")]:
        del fields[name]


def read_yaml_value(text: str, origin: str) -> Any:
    """Return a value written as YAML in a command. Raises SetupError that begins with `origin`."""
    try:
        return YAML(typ="safe").load(text) if text.strip() else None
    except MarkedYAMLError as error:
        hint = QUOTE_HINT if _OPEN_TEMPLATE.search(text) else error.problem or "not valid YAML"
        raise SetupError(f"{origin}: {hint}") from None
    except Exception as error:
        is_number = text.strip().lstrip("-+").isdecimal()
        raise SetupError(f"{origin}: {'this number is too large' if is_number else _first_line(error)}") from None


def check_bounds(fields: Any, find_origin: FindOrigin) -> None:
    """Raise SetupError if the values are nested too deep, contain themselves, are too many once all aliases are written
    out, or have keys that are no words."""
    sizes: dict[int, int] = {}

    def measure(value: Any, location: tuple[str, ...]) -> int:
        if isinstance(value, str | bytes):
            return 1 + len(value) // LETTERS_PER_VALUE
        if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
            raise _fail(location, "this number is too large")
        if not isinstance(value, dict | list | tuple | set):
            return 1
        known_size = sizes.get(id(cast(Any, value)))
        if known_size is not None:
            if not known_size:
                raise _fail(location, "this value contains itself, through an alias")
            return known_size
        if len(location) > MAX_DEPTH:
            raise _fail(location[:3], f"nested deeper than {MAX_DEPTH} levels")
        sizes[id(cast(Any, value))] = 0
        size = 1
        for name, inner in _list_entries(value):
            if not isinstance(name, str | int | float | bool | None):
                is_date = isinstance(name, date)
                raise _fail(location, f"the key {name} must stand in quotes" if is_date else QUOTE_HINT)
            size += measure(inner, (*location, str(name)))
            if size > MAX_VALUES:
                raise _fail(location, f"more than {MAX_VALUES:,} values, with its aliases written out")
        sizes[id(cast(Any, value))] = size
        return size

    def _fail(location: tuple[str, ...], problem: str) -> SetupError:
        field = f"{'.'.join(location)}: " if location else ""
        return SetupError(f"{find_origin(location)}: {field}{problem}")

    measure(fields, ())


def _list_entries(value: Any) -> Iterator[tuple[Any, Any]]:
    yield from value.items() if isinstance(value, dict) else enumerate(value)


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SetupError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SetupError(f"{path} cannot be read: {reason}") from None
    if len(data) > MAX_BYTES:
        raise SetupError(
            f"{path}: larger than {MAX_BYTES:,} bytes; put rows and documents into files that the request names"
        )
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise SetupError(f"{path}: not a text file; a request is YAML or JSON in UTF-8") from None


def _explain_syntax(text: str, error: MarkedYAMLError) -> tuple[int, str]:
    """Return the line of a fault and what to do about it."""
    number, lines = _find_line(error), text.splitlines()
    first = min(number, error.context_mark.line + 1 if error.context_mark else number)
    for candidate in range(number, max(first, number - 3) - 1, -1):
        if _OPEN_TEMPLATE.search("".join(lines[candidate - 1 : candidate])):
            return candidate, QUOTE_HINT
    if "\t" in "".join(lines[number - 1 : number])[:40]:
        return number, "YAML is indented with spaces, and here is a tab"
    return number, error.problem or "not valid YAML"


def _find_line(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def _find_field(text: str, line: int) -> str:
    """Return the dotted field that a line of a file belongs to, by indentation, and a colon; empty if there is none."""
    names: list[str] = []
    indent = 10**6
    for content in reversed(text.split("\n")[:line]):
        match = _KEY.match(content)
        if match and (column := len(match[1] + match[2])) < indent:
            names.insert(0, match[3])
            indent = column
    return f"{'.'.join(names)}: " if names else ""


def _find_bad_scalar(text: str) -> tuple[int, str]:
    """Return line and text of the first value that cannot be read, such as a date in a 13th month; 1 if all can."""
    try:
        nodes: list[Any] = [YAML(typ="safe", pure=True).compose(text)]
    except Exception:
        return 1, ""
    while nodes:
        node = nodes.pop(0)
        if isinstance(node, MappingNode):
            nodes[:0] = [part for pair in cast(Any, node).value for part in pair]
        elif isinstance(node, SequenceNode):
            nodes[:0] = cast(Any, node).value
        elif isinstance(node, ScalarNode):
            try:
                cast(Any, YAML(typ="safe", pure=True)).constructor.construct_object(node, deep=True)
            except Exception:
                return cast(Any, node).start_mark.line + 1, str(cast(Any, node).value)
    return 1, ""


def _first_line(error: Exception) -> str:
    return f"not valid YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}"

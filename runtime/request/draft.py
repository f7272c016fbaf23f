"""A request that is written for a person: the recipe's example with the person's own values laid over it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from activities.documents import database_table
from activities.documents.input_files import read_text
from recipes.base.recipe import InputError, Recipe
from runtime.cli.recipe_commands import EXAMPLES, example_of
from runtime.errors import SetupError
from runtime.request.editor_modeline import modeline, named
from runtime.request.request_file import Checked, checked, override

_SIMPLE = ("string", "integer", "number", "boolean")


@dataclass
class Draft:
    """A request to be, and where it goes."""

    kind: type[Recipe]
    out: Path
    said: Any
    """The example as ruamel read it, comments and all."""
    remarks: Mapping[str, str]
    """Its lines that are only a comment, as they stand in it: after a block of text ruamel moves them."""

    @property
    def inputs(self) -> Any:
        """Its part `inputs`, to be changed in place."""
        return self.said["inputs"]

    def check(self) -> Checked:
        """Lay it out as a run would. Raises SetupError."""
        return checked(self.said, self.out.absolute().parent)

    def text(self) -> str:
        """The file."""
        told = io.StringIO()
        _yaml().dump(self.said, told)
        head = [
            modeline(self.out),
            f"# {self.kind.name}: {self.kind.summary()}",
            f"# Look at its plan:  uv run starter.py check {self.out}",
            f"# Run it:            uv run starter.py run {self.out}",
        ]
        return "\n".join([*head, *(self.remarks.get(line.strip(), line) for line in told.getvalue().splitlines()), ""])


def draft(kind: type[Recipe], out: Path) -> Draft:
    """The recipe's example as a request in that place, whose folder is made: paths are relative to it. The example's
    input files stay where they are. Raises SetupError."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{out} cannot be written: {error.strerror}") from None
    text = example_of(kind) or f"recipe: {kind.name}\ninputs: {{}}\n"
    lines = text.replace("NAME.yaml", str(out)).splitlines(keepends=True)
    body = "".join(lines[next(index for index, line in enumerate(lines) if not line.startswith("#")) :])
    said: Any = _yaml().load(body)
    made = Draft(kind, out, said, {line.strip(): line for line in body.splitlines() if line.strip()[:1] == "#"})
    for field in _files(made):
        _point(made, field, EXAMPLES)
    said.setdefault("model", {}).setdefault("name", "o3-mini")
    said.setdefault("output", {})["store"] = "runs"
    return made


def _yaml() -> YAML:
    """As the examples are written."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def lay(made: Draft, settings: Sequence[str], target: int | None, model: str | None) -> None:
    """The person's own values; a file is named as seen from the current folder."""
    for setting in settings:
        override(made.said, f"inputs.{setting}", "--input")
    touched = {setting.partition("=")[0] for setting in settings}
    for field in _files(made):
        if field in touched:
            _point(made, field, Path.cwd())
    if target is not None:
        made.said["target"] = target
    if model is not None:
        made.said["model"]["name"] = model


def put(made: Draft, field: str, value: Any) -> None:
    """One input; a file as it is seen from the current folder."""
    made.inputs[field] = value
    if field in _files(made):
        _point(made, field, Path.cwd())


def _point(made: Draft, field: str, base: Path) -> None:
    """Name a file, which is named as seen from `base`, as seen from the request's folder."""
    *parents, last = field.split(".")
    at = made.inputs
    for name in parents:
        at = at[name]
    if not database_table.is_table(str(at[last])):
        at[last] = named(base / Path(str(at[last])).expanduser(), made.out.absolute().parent)


def _files(made: Draft) -> Mapping[str, str]:
    try:
        return made.kind.files(made.kind.Inputs.model_validate(_plain(made.inputs)))
    except ValidationError:
        return {}


def questions(made: Draft) -> dict[str, dict[str, Any]]:
    """The inputs that must be said, each with its JSON Schema; none where a recipe is a file of its own."""
    schema = made.kind.Inputs.model_json_schema()
    needed = {name: schema["properties"][name] for name in schema.get("required", [])}
    return needed if all(part.get("type") in _SIMPLE for part in needed.values()) else {}


def wrong(made: Draft, field: str) -> str | None:
    """Why this input cannot be, or None."""
    try:
        inputs = made.kind.Inputs.model_validate(_plain(made.inputs))
    except ValidationError as error:
        said = [entry["msg"].removeprefix("Value error, ") for entry in error.errors() if entry["loc"][:1] == (field,)]
        return said[0] if said else None
    address = made.kind.files(inputs).get(field)
    try:
        if address is not None and database_table.is_table(address):
            database_table.read(address, made.out.absolute().parent, field)
        elif address is not None:
            read_text(made.out.absolute().parent / address, field)
    except InputError as error:
        return str(error)
    return None


def _plain(value: Any) -> Any:
    """ruamel's containers as Python's own."""
    told = io.StringIO()
    YAML(typ="rt").dump(value, told)
    return YAML(typ="safe").load(told.getvalue())


def write(made: Draft, *, force: bool) -> None:
    """Write the file, never over another one unless told to. Raises SetupError."""
    try:
        with made.out.open("w" if force else "x", encoding="utf-8") as opened:
            opened.write(made.text())
    except FileExistsError:
        raise SetupError(f"{made.out} is there already; choose another --out, or --force to write over it") from None
    except OSError as error:
        raise SetupError(f"{made.out} cannot be written: {error.strerror}") from None

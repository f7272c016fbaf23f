"""A request written for a person: the example of a recipe, with the person's own values in place of the example's."""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from activities.documents import database_table
from activities.documents.input_files import list_input_addresses, read_input_file
from activities.documents.readable_folders import list_readable_folders
from quire.commands import starter_command
from quire.request import Request
from recipes.base.recipe import InputError, Recipe
from runtime.errors import SetupError
from runtime.paths import EXAMPLES
from runtime.request.editor_modeline import build_modeline, to_path_in_folder
from runtime.request.recipe_examples import read_example
from runtime.request.request_file import CheckedRequest, apply_override, check_mapping

_SIMPLE_TYPES = ("string", "integer", "number", "boolean")


@dataclass
class Draft:
    """A request that is not written yet, and the file that it will be written to."""

    recipe: type[Recipe]
    out: Path
    request: Any
    """The request as ruamel read the example, with its comments; to be changed in place."""
    comment_lines: Mapping[str, str]
    """The example's lines that hold only a comment, by their text without indentation. After a block of text, ruamel
    moves such lines; they are written back as they were."""

    @property
    def inputs(self) -> Any:
        """The field `inputs` of the request, to be changed in place."""
        return self.request["inputs"]

    def check(self) -> CheckedRequest:
        """Check the request as for a run. Raises SetupError if it is not valid."""
        return check_mapping(self.request, self.out.absolute().parent)

    def build_command(self, name: str) -> str:
        """Return the command line of `check` or `run` for the file, allowing the folders of its inputs if need be."""
        base = self.out.absolute().parent
        request = Request.model_validate(self.request)
        files = [
            base / path for path in list_input_addresses(request).values() if not database_table.is_table_address(path)
        ]
        readable = list_readable_folders(base, (EXAMPLES,))
        outside = dict.fromkeys(os.path.relpath(file.parent) for file in files if not readable.may_read(file))
        return starter_command(name, str(self.out), *(word for path in outside for word in ("--allow-path", path)))

    def to_text(self) -> str:
        """Return the content of the file."""
        stream = io.StringIO()
        _create_yaml().dump(self.request, stream)
        head = [
            build_modeline(self.out),
            f"# {self.recipe.name}: {self.recipe.describe()}",
            f"# Check its plan:  {self.build_command('check')}",
            f"# Run it:          {self.build_command('run')}",
        ]
        body = [self.comment_lines.get(line.strip(), line) for line in stream.getvalue().splitlines()]
        return "\n".join([*head, *body, ""])


def create_draft(recipe: type[Recipe], out: Path) -> Draft:
    """Return the example of a recipe as a request to be written to `out`, whose folder is created.

    The example's input files stay where they are; their paths become relative to that folder. Raises SetupError if the
    folder cannot be created.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(f"{out} cannot be written: {error.strerror}") from None
    example = read_example(recipe) or f"recipe: {recipe.name}\ninputs: {{}}\n"
    lines = example.replace("NAME.yaml", str(out)).splitlines(keepends=True)
    body = "".join(lines[next(index for index, line in enumerate(lines) if not line.startswith("#")) :])
    request: Any = _create_yaml().load(body)
    comment_lines = {line.strip(): line for line in body.splitlines() if line.strip()[:1] == "#"}
    draft = Draft(recipe, out, request, comment_lines)
    for field in _list_file_fields(draft):
        _rebase_file(draft, field, EXAMPLES)
    request.setdefault("model", {}).setdefault("name", "o3-mini")
    request.setdefault("output", {})["store"] = "runs"
    return draft


def _create_yaml() -> YAML:
    """Return a YAML reader and writer that keeps the style of the examples."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def apply_settings(draft: Draft, settings: Sequence[str], target: int | None, model: str | None) -> None:
    """Set inputs (each `field=value`), target and model. Paths of files are relative to the current folder."""
    for setting in settings:
        apply_override(draft.request, f"inputs.{setting}", "--input")
    changed = {setting.partition("=")[0] for setting in settings}
    for field in _list_file_fields(draft):
        if field in changed:
            _rebase_file(draft, field, Path.cwd())
    if target is not None:
        draft.request["target"] = target
    if model is not None:
        draft.request["model"]["name"] = model


def set_input(draft: Draft, field: str, value: Any) -> None:
    """Set one input. The path of a file is relative to the current folder."""
    draft.inputs[field] = value
    if field in _list_file_fields(draft):
        _rebase_file(draft, field, Path.cwd())


def _rebase_file(draft: Draft, field: str, base: Path) -> None:
    """Make the path in a field, which is relative to `base`, relative to the folder of the request."""
    *parents, last = field.split(".")
    group = draft.inputs
    for name in parents:
        group = group[name]
    address = str(group[last])
    if not database_table.is_table_address(address):
        group[last] = to_path_in_folder(base / Path(address).expanduser(), draft.out.absolute().parent)


def _list_file_fields(draft: Draft) -> Mapping[str, str]:
    """Return the inputs that name a file, each with its path; none while the inputs are not valid."""
    try:
        return draft.recipe.files(draft.recipe.Inputs.model_validate(_to_plain(draft.inputs)))
    except ValidationError:
        return {}


def list_required_inputs(draft: Draft) -> dict[str, dict[str, Any]]:
    """Return the inputs that a person must give, each with its JSON Schema.

    There are none for a recipe that has required inputs which no single answer can give, such as lists.
    """
    schema = draft.recipe.Inputs.model_json_schema()
    required = {name: schema["properties"][name] for name in schema.get("required", [])}
    return required if all(field.get("type") in _SIMPLE_TYPES for field in required.values()) else {}


def find_input_error(draft: Draft, field: str) -> str | None:
    """Return why the value of an input cannot be used; None if it can."""
    try:
        inputs = draft.recipe.Inputs.model_validate(_to_plain(draft.inputs))
    except ValidationError as error:
        entries = [entry for entry in error.errors() if entry["loc"][:1] == (field,)]
        return entries[0]["msg"].removeprefix("Value error, ") if entries else None
    address = draft.recipe.files(inputs).get(field)
    try:
        if address is not None and database_table.is_table_address(address):
            database_table.read_database_table(address, draft.out.absolute().parent, field)
        elif address is not None:
            read_input_file(draft.out.absolute().parent / address, field)
    except InputError as error:
        return str(error)
    return None


def _to_plain(value: Any) -> Any:
    """Return ruamel's containers as Python's own."""
    stream = io.StringIO()
    YAML(typ="rt").dump(value, stream)
    return YAML(typ="safe").load(stream.getvalue())


def write_draft(draft: Draft, *, force: bool) -> None:
    """Write the file. Raises SetupError if it cannot be written, or exists and `force` is not set."""
    try:
        with draft.out.open("w" if force else "x", encoding="utf-8") as file:
            file.write(draft.to_text())
    except FileExistsError:
        raise SetupError(f"{draft.out} already exists; choose another --out, or replace it with --force") from None
    except OSError as error:
        raise SetupError(f"{draft.out} cannot be written: {error.strerror}") from None

"""Requests as people write them: YAML or JSON with overrides, and errors that name file, line and field."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from activities.documents.input_files import read_input_files
from activities.documents.readable_folders import ReadableFolders, list_readable_folders
from activities.duplicates import existing_items
from activities.model.pricing import check_price_known
from activities.output.formats import check_installed
from quire.request import Part, Request
from recipes.base.recipe import InputError
from recipes.planning import Plan, build_plan, plain_message, validate_inputs
from runtime.errors import SetupError
from runtime.paths import EXAMPLES
from runtime.request.yaml_file import check_bounds, drop_anchor_fields, read_yaml_file, read_yaml_value


@dataclass(frozen=True)
class CheckedRequest:
    """A valid request with the texts of its input files and its plan."""

    request: Request
    """The request as it was written, with its paths made absolute."""
    texts: dict[str, str]
    """The texts of its input files, by field."""
    documents: dict[str, str]
    """The names of these files, by field."""
    plan: Plan
    """The plan; its own request has the recipe's defaults filled in."""


def load_request(path: Path, overrides: Sequence[str] = (), allowed: Iterable[Path] = ()) -> CheckedRequest:
    """Read a request file, apply the overrides (each `field=value`), and check and plan the request.

    The files that it names are in its own folder, in the `allowed` ones, or set by an override; or they are those of
    Quire's own examples, which `init` names.

    Raises SetupError, with file, line and field, for everything that the person must fix.
    """
    fields = read_yaml_file(path)
    overridden: set[str] = set()
    check_bounds(fields, lambda location: _find_origin(path, fields, location, overridden))
    drop_anchor_fields(fields)
    overridden |= {apply_override(fields, setting) for setting in overrides}
    readable = list_readable_folders(path.parent, (*allowed, EXAMPLES), overridden)
    return _check_fields(
        fields, path.parent, lambda location: _find_origin(path, fields, location, overridden), readable
    )


def check_mapping(fields: Mapping[str, Any], base: Path | None = None) -> CheckedRequest:
    """Check and plan a request that is not a file. Paths in it are relative to `base`, or to the current folder.

    Raises SetupError, with the field, if it is not valid.
    """
    return _check_fields(fields, base or Path.cwd(), lambda _: "request")


def with_json_format(checked: CheckedRequest) -> CheckedRequest:
    """Return the request with `json` among its output formats."""
    formats = checked.plan.request.output.formats
    if "json" in formats:
        return checked
    output = checked.request.output.model_copy(update={"formats": (*formats, "json")})
    request = checked.request.model_copy(update={"output": output})
    return replace(checked, request=request, plan=build_plan(request, checked.texts, checked.documents))


def _check_fields(
    fields: Mapping[str, Any],
    base: Path,
    find_origin: Callable[[Sequence[str]], str],
    readable: ReadableFolders | None = None,
) -> CheckedRequest:
    """Check and plan a request. `find_origin` returns where a field was set, for messages."""
    try:
        request = Request.model_validate(_to_plain(fields))
    except ValidationError as error:
        raise SetupError("\n".join(_format_error(entry, find_origin) for entry in _list_errors(error))) from None
    try:
        validate_inputs(request)
        texts, documents = read_input_files(request, base, readable)
        request = _with_absolute_paths(request, base)
        plan = build_plan(request, texts, documents)
        check_price_known(plan.request)
        check_installed(plan.request)
        compared_fields = plan.request.duplicates.fields or plan.recipe.compared
        request = existing_items.check_existing_items(request, compared_fields, base, readable)
        return CheckedRequest(request, texts, documents, plan)
    except InputError as error:
        raise SetupError(f"{find_origin(error.field.split('.'))}: {error.field}: {error}") from None


def _with_absolute_paths(request: Request, base: Path) -> Request:
    """Return the request with absolute paths of its store and of an MLflow database, if these are local."""
    output, changes = request.output, dict[str, object]()
    if "://" not in output.store:
        changes["store"] = str((base / Path(output.store).expanduser()).resolve())
    if output.mlflow is not None and output.mlflow.tracking_uri.startswith("sqlite:"):
        path = (base / output.mlflow.tracking_uri.removeprefix("sqlite:///")).resolve()
        changes["mlflow"] = output.mlflow.model_copy(update={"tracking_uri": f"sqlite:///{path}"})
    return request.model_copy(update={"output": output.model_copy(update=changes)})


def apply_override(fields: dict[str, Any], setting: str, option: str = "--set") -> str:
    """Set a field of a request from `a.b=value`, where the value is YAML, and return the dotted field.

    Raises SetupError, naming the `option` of the command line, if the setting cannot be applied.
    """
    field, equals, value = setting.partition("=")
    origin = f"{option} {setting[:80]}"
    if not equals or not field:
        raise SetupError(f"{origin}: write it as field=value, such as target=10")
    *parents, last = field.split(".")
    group: Any = fields
    for name in parents:
        group = group.setdefault(name, {})
        if not isinstance(group, dict):
            raise SetupError(f"{origin}: {name} is not a group of fields")
    loaded = read_yaml_value(value, origin)
    check_bounds(loaded, lambda _: origin)
    group[last] = loaded
    return field


def _to_plain(value: Any) -> Any:
    """Return ruamel's containers and scalars as Python's own, which strict types require."""
    try:
        return json.loads(json.dumps(value, default=str))
    except (TypeError, ValueError, RecursionError) as error:
        raise SetupError(f"the request cannot be written as JSON: {error}") from None


def _list_errors(error: ValidationError) -> list[Any]:
    """Return the errors without those that follow from others: a list is not empty because its one entry is wrong."""
    entries: list[Any] = list(error.errors())
    parents = {entry["loc"][:depth] for entry in entries for depth in range(len(entry["loc"]))}
    return [entry for entry in entries if entry["type"] != "too_short" or entry["loc"] not in parents]


def _format_error(entry: Any, find_origin: Callable[[Sequence[str]], str]) -> str:
    """Return an error of pydantic as one line: origin, field, what is wrong, what was found."""
    location = tuple(
        str(part)
        for part in entry["loc"]
        if not str(part).startswith(("constrained", "literal", "int", "float", "bool"))
    )
    has_value = entry["type"] not in ("missing", "extra_forbidden")
    value = f", found {_without_password(entry['input'])}"[:80] if has_value else ""
    if entry["type"] == "tuple_type":
        problem = "this is a list; write it in brackets, with commas between"
    else:
        problem = plain_message(entry["msg"], entry["type"], _find_model(location[:-1]))
    return f"{find_origin(location)}: {'.'.join(location)}: {problem}{value}"


def _without_password(value: object) -> str:
    """Return the representation of a value without the password that an address may hold."""
    return re.sub(r"://.*@", "://…@", repr(value))


def _find_model(location: Sequence[str]) -> type[Part]:
    """Return the model of the fields at a location of the request."""
    model: type[Part] = Request
    for name in location:
        if name in model.model_fields:
            model = _find_part(model.model_fields[name].annotation) or model
    return model


def _find_part(annotation: Any) -> type[Part] | None:
    """Return the model that an annotation holds, alone, optional or as one of several; None if it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((part for inner in get_args(annotation) if (part := _find_part(inner)) is not None), None)


def _find_origin(path: Path, fields: Any, location: Sequence[str], overridden: set[str]) -> str:
    """Return the override that set a field, else `file:line` of the field or of its nearest parent in the file."""
    dotted = ".".join(location)
    for setting in overridden:
        if dotted == setting or dotted.startswith(setting + ".") or (dotted and setting.startswith(dotted + ".")):
            return f"--set {setting}"
    line, group = 1, fields
    for name in location:
        try:
            is_list = isinstance(group, list)
            key: Any = int(name) if is_list else name
            marks: Any = group.lc  # pyright: ignore[reportAttributeAccessIssue]
            line = (marks.item(key) if is_list else marks.key(key))[0] + 1
            group = group[key]
        except (AttributeError, KeyError, TypeError, IndexError, ValueError):
            break
    return f"{path}:{line}"

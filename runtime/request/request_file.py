"""A request as a person writes it: YAML or JSON, with overrides, and errors that name file, line and field."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast, get_args

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError

from activities.documents.input_files import read_all
from activities.duplicates import existing_items
from activities.model.pricing import must_be_known
from activities.output.formats import must_be_installed
from quire.request import Part, Request
from recipes.base.recipe import InputError
from recipes.planning import Plan, inputs_of, lay_out
from runtime.errors import SetupError


@dataclass(frozen=True)
class Checked:
    """A request that is fit to run, the texts of its files, and its plan."""

    request: Request
    texts: dict[str, str]
    documents: dict[str, str]
    plan: Plan


def load(path: Path, overrides: Sequence[str] = ()) -> Checked:
    """Read, override, validate and lay out. Raises SetupError for whatever the person must mend."""
    raw = _parse(path)
    overridden = {override(raw, setting) for setting in overrides}
    return _checked(raw, path.parent, lambda loc: _place(path, raw, loc, overridden))


def checked(said: Mapping[str, Any], base: Path | None = None) -> Checked:
    """The same for a request that is no file; paths are relative to `base`, or to the current folder."""
    return _checked(said, base or Path.cwd(), lambda _: "request")


def with_json(laid: Checked) -> Checked:
    """The same with the `json` form among those that are written."""
    formats = laid.plan.request.output.formats
    if "json" in formats:
        return laid
    output = laid.request.output.model_copy(update={"formats": (*formats, "json")})
    request = laid.request.model_copy(update={"output": output})
    return replace(laid, request=request, plan=lay_out(request, laid.texts, laid.documents))


def _checked(raw: Mapping[str, Any], base: Path, place: Callable[[Sequence[str]], str]) -> Checked:
    try:
        request = Request.model_validate(_plain(raw))
    except ValidationError as error:
        raise SetupError("\n".join(_told(entry, place) for entry in _distinct(error))) from None
    try:
        inputs_of(request)
        texts, documents = read_all(request, base)
        request = _absolute(request, base)
        plan = lay_out(request, texts, documents)
        must_be_known(plan.request)
        must_be_installed(plan.request)
        fields = plan.request.duplicates.fields or plan.recipe.compared
        request = existing_items.checked(request, fields, base)
        return Checked(request, texts, documents, plan)
    except InputError as error:
        raise SetupError(f"{place(error.field.split('.'))}: {error.field}: {error}") from None


def _absolute(request: Request, base: Path) -> Request:
    """The request with where its store is, and a database in an MLflow server's place, told from the root."""
    output, changes = request.output, dict[str, object]()
    if "://" not in output.store:
        changes["store"] = str((base / Path(output.store).expanduser()).resolve())
    if output.mlflow is not None and output.mlflow.tracking_uri.startswith("sqlite:"):
        path = (base / output.mlflow.tracking_uri.removeprefix("sqlite:///")).resolve()
        changes["mlflow"] = output.mlflow.model_copy(update={"tracking_uri": f"sqlite:///{path}"})
    return request.model_copy(update={"output": output.model_copy(update=changes)})


def _parse(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise SetupError(f"{path}: not a text file; a request is YAML or JSON in UTF-8") from None
    except FileNotFoundError:
        raise SetupError(f"there is no file {path}") from None
    except OSError as error:
        raise SetupError(f"{path} cannot be read: {error.strerror}") from None
    try:
        raw: Any = YAML(typ="rt").load(text)
    except DuplicateKeyError as error:
        raise SetupError(
            f"{path}:{_row(error)}: {str(error.problem).split(' with value')[0]}; keep one of them"
        ) from None
    except MarkedYAMLError as error:
        tab = "\t" in text.splitlines()[_row(error) - 1][:40] if _row(error) <= len(text.splitlines()) else False
        hint = "YAML is indented with spaces, and here is a tab" if tab else (error.problem or "not valid YAML")
        raise SetupError(f"{path}:{_row(error)}: {hint}") from None
    except Exception as error:  # ruamel raises plain ValueErrors for broken dates and the like
        raise SetupError(f"{path}: not valid YAML: {error}") from None
    if not isinstance(raw, dict):
        raise SetupError(f"{path}:1: a request is a mapping of fields such as `recipe: oq_suite`")
    return cast(dict[str, Any], raw)


def _row(error: MarkedYAMLError) -> int:
    mark = error.problem_mark or error.context_mark
    return mark.line + 1 if mark else 1


def override(raw: dict[str, Any], setting: str, option: str = "--set") -> str:
    """Lay `a.b=value` over the request; the value is YAML. Returns the dotted field."""
    field, equals, value = setting.partition("=")
    if not equals or not field:
        raise SetupError(f"{option} {setting}: write it as field=value, such as target=10")
    *parents, last = field.split(".")
    at: Any = raw
    for name in parents:
        at = at.setdefault(name, {})
        if not isinstance(at, dict):
            raise SetupError(f"{option} {setting}: {name} is not a group of fields")
    try:
        at[last] = YAML(typ="safe").load(value) if value.strip() else None
    except MarkedYAMLError as error:
        raise SetupError(f"{option} {setting}: {error.problem}") from None
    return field


def _plain(value: Any) -> Any:
    """ruamel's containers and scalars as Python's own, so that strict types hold."""
    try:
        return json.loads(json.dumps(value, default=str))
    except (TypeError, ValueError, RecursionError) as error:
        raise SetupError(f"the request cannot be written as JSON: {error}") from None


def _distinct(error: ValidationError) -> list[Any]:
    """The mistakes without those that follow from others: a list is not empty because its one entry is wrong."""
    found: list[Any] = list(error.errors())
    wrong = {entry["loc"][:depth] for entry in found for depth in range(len(entry["loc"]))}
    return [entry for entry in found if entry["type"] != "too_short" or entry["loc"] not in wrong]


def _told(entry: Any, place: Callable[[Sequence[str]], str]) -> str:
    loc = tuple(
        str(part)
        for part in entry["loc"]
        if not str(part).startswith(("constrained", "literal", "int", "float", "bool"))
    )
    found = "" if entry["type"] == "missing" else f", found {_unveiled(entry['input'])}"[:80]
    if entry["type"] == "extra_forbidden":
        found, said = "", f"unknown field; allowed here: {', '.join(_model_at(loc[:-1]).model_fields)}"
    elif entry["type"] == "missing":
        said = "this field is needed"
    elif entry["type"] == "tuple_type":
        said = "this is a list; write it in brackets, with commas between"
    else:
        said = entry["msg"].removeprefix("Value error, ")
    return f"{place(loc)}: {'.'.join(loc)}: {said}{found}"


def _unveiled(found: object) -> str:
    """What was found, without the password that an address may have."""
    return re.sub(r"://[^/\s]*@", "://…@", repr(found))


def _model_at(loc: Sequence[str]) -> type[Part]:
    model: type[Part] = Request
    for name in loc:
        if name in model.model_fields:
            model = _part_in(model.model_fields[name].annotation) or model
    return model


def _part_in(annotation: Any) -> type[Part] | None:
    """The part that a field holds, also where it may be absent or is one of several."""
    if isinstance(annotation, type) and issubclass(annotation, Part):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _part_in(inner)) is not None), None)


def _place(path: Path, raw: Any, loc: Sequence[str], overridden: set[str]) -> str:
    """`file:line` of a field, or of the nearest parent that is there; or the override that set it."""
    dotted = ".".join(loc)
    for setting in overridden:
        if dotted == setting or dotted.startswith(setting + "."):
            return f"--set {setting}"
    row, at = 1, raw
    for name in loc:
        try:
            in_list = isinstance(at, list)
            key: Any = int(name) if in_list else name
            marks: Any = at.lc  # pyright: ignore[reportAttributeAccessIssue]
            row = (marks.item(key) if in_list else marks.key(key))[0] + 1
            at = at[key]
        except (AttributeError, KeyError, TypeError, IndexError, ValueError):
            break
    return f"{path}:{row}"

"""From a request and its texts to a plan: the recipe, its slots, lanes and batches. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from quire.batching import balanced, batch_count, capacity
from quire.progress import Group
from quire.request import Part, Request
from quire.slots import Slot
from recipes.base.recipe import InputError, Recipe
from recipes.registry import recipes


@dataclass(frozen=True)
class Plan:
    """A request laid out: batch k fills the next `sizes[k]` slots."""

    request: Request
    recipe: Recipe
    slots: Sequence[Slot]
    sizes: list[int]
    after: list[int]
    groups: list[Group]
    warnings: list[str]


def kind(request: Request) -> type[Recipe]:
    """The recipe's class, or an InputError that lists those there are."""
    known = recipes()
    try:
        return known[request.recipe]
    except KeyError:
        raise InputError("recipe", f"unknown recipe '{request.recipe}'; there are: {', '.join(known)}") from None


def inputs_of(request: Request) -> Part:
    """The recipe's own inputs, validated; errors carry the dotted field."""
    try:
        return kind(request).Inputs.model_validate(request.inputs)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(["inputs", *map(str, first["loc"])])
        said = spoken(first["msg"], first["type"], _part_at(kind(request).Inputs, first["loc"][:-1]))
        raise InputError(field, said) from error


def _part_at(model: type[Part], loc: tuple[int | str, ...]) -> type[Part] | None:
    """The part of the inputs that a location leads to; None inside a list or a choice."""
    at: Any = model
    for name in loc:
        at = at.model_fields[name].annotation if hasattr(at, "model_fields") and name in at.model_fields else None
    return at if isinstance(at, type) and issubclass(at, Part) else None


def spoken(message: str, code: str, model: type[Part] | None) -> str:
    """A pydantic message as a person would say it."""
    if code == "extra_forbidden":
        return "unknown field" + (f"; allowed here: {', '.join(model.model_fields)}" if model else "")
    if code == "missing":
        return "this field is needed"
    return message.removeprefix("Value error, ")


def with_defaults(request: Request) -> Request:
    """The request with its recipe's own defaults laid under what the person said."""
    recipe = kind(request)
    said = request.model_dump(mode="json")
    defaults = recipe.defaults_for(inputs_of(request))
    if "model" in said and "worker_model" not in said:  # who names one model gets one
        defaults = {key: value for key, value in defaults.items() if key != "worker_model"}
    size = said.get("batching", {}).pop("batch_size", None)
    if size is not None:
        said["batching"].setdefault(recipe.batch_size_means, size)
    return Request.model_validate(_under(said, defaults))


def _under(said: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    laid = dict(said)
    for key, value in defaults.items():
        if key not in laid:
            laid[key] = value
        elif isinstance(value, dict) and isinstance(laid[key], dict):
            laid[key] = _under(laid[key], cast(dict[str, Any], value))
    return laid


def lay_out(request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> Plan:
    """The plan of a request whose input files hold `texts`. Raises InputError."""
    settled = with_defaults(request)
    recipe = kind(settled)(settled, texts, documents)
    target = settled.target or recipe.default_target()
    groups = recipe.groups(target)
    sizes = [sizes_of(settled, recipe, group.target) for group in groups]
    flat = [size for group in sizes for size in group]
    slots, warnings = recipe.lay_out(flat)
    if request.batching.batch_size is not None:
        warnings = [f"batching.batch_size is taken as batching.{recipe.batch_size_means}", *warnings]
    shown = groups if recipe.group_word else []
    return Plan(settled, recipe, slots, flat, recipe.after(sizes), shown, warnings)


def sizes_of(request: Request, recipe: Recipe, slots: int) -> list[int]:
    """Slots of each batch of a group."""
    batching = request.batching
    if not batching.enabled:
        return [slots] if slots else []
    limit = capacity(request.generator.max_output_tokens, batching.tokens_per_item)
    size = recipe.auto_size or "auto" if batching.size == "auto" else batching.size
    if size != "auto":
        return _full(slots, min(size, limit))
    return balanced(slots, batch_count(slots, trigger=batching.trigger, size="auto", limit=limit))


def _full(slots: int, size: int) -> list[int]:
    """Batches of the size asked for, the last one smaller: 12 in fives is 5, 5, 2."""
    return [min(size, slots - start) for start in range(0, slots, size)]

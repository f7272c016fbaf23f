"""From a request and its texts to a plan: the recipe, its slots and the sizes of its batches. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from quire.batching import balanced, batch_count, capacity
from quire.request import Part, Request
from quire.slots import Slot
from recipes import RECIPES
from recipes.spine import InputError, Recipe


@dataclass(frozen=True)
class Plan:
    """A request laid out: batch k fills the next `sizes[k]` slots."""

    recipe: Recipe
    slots: list[Slot]
    sizes: list[int]
    warnings: list[str]


def kind(request: Request) -> type[Recipe]:
    """The recipe's class, or an InputError that lists those there are."""
    try:
        return RECIPES[request.recipe]
    except KeyError:
        raise InputError("recipe", f"unknown recipe '{request.recipe}'; there are: {', '.join(RECIPES)}") from None


def inputs_of(request: Request) -> Part:
    """The recipe's own inputs, validated; errors carry the dotted field."""
    try:
        return kind(request).Inputs.model_validate(request.inputs)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(["inputs", *map(str, first["loc"])])
        raise InputError(field, spoken(first["msg"], first["type"], kind(request).Inputs)) from error


def spoken(message: str, code: str, model: type[Part]) -> str:
    """A pydantic message as a person would say it."""
    if code == "extra_forbidden":
        return f"unknown field; allowed here: {', '.join(model.model_fields)}"
    if code == "missing":
        return "this field is needed"
    return message.removeprefix("Value error, ")


def lay_out(request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> Plan:
    """The plan of a request whose input files hold `texts`."""
    recipe = kind(request)(inputs_of(request), texts, documents)
    target = request.target or recipe.default_target()
    batching = request.batching
    parts = batch_count(
        target,
        trigger=batching.trigger,
        size=batching.size,
        limit=capacity(request.model.max_output_tokens, batching.tokens_per_item),
    )
    sizes = balanced(target, parts)
    slots, warnings = recipe.lay_out(sizes)
    return Plan(recipe, slots, sizes, warnings)

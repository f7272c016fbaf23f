"""Turn a request and its texts into a plan: the recipe, its slots, lanes and batches. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import ValidationError

from quire.batching import balance, count_batches, count_items_per_answer
from quire.progress import Group
from quire.request import MAX_TARGET, Part, Request
from quire.slots import Slot
from recipes.base.recipe import InputError, Recipe
from recipes.registry import find_recipe


@dataclass(frozen=True)
class Plan:
    """A request laid out: batch k fills the next `sizes[k]` slots."""

    request: Request
    """The request with its recipe's defaults."""
    recipe: Recipe
    slots: Sequence[Slot]
    sizes: list[int]
    after: list[int]
    """Which batch each batch waits for, by number from 1; 0 for none. Empty if none waits."""
    groups: list[Group]
    """The groups that progress shows; empty if the recipe shows none."""
    warnings: list[str]


def build_plan(request: Request, texts: Mapping[str, str], documents: Mapping[str, str]) -> Plan:
    """Return the plan of a request. Raises InputError.

    `texts` and `documents` are the contents and the names of its input files, by field.
    """
    complete = apply_defaults(request)
    recipe = find_recipe(complete.recipe)(complete, texts, documents)
    target = complete.target or recipe.default_target()
    _check_target(target)
    groups = recipe.groups(target)
    _check_target(sum(group.target for group in groups))
    sizes_by_group = [compute_batch_sizes(complete, recipe, group.target) for group in groups]
    sizes = [size for group in sizes_by_group for size in group]
    slots, warnings = recipe.lay_out(sizes)
    if request.batching.batch_size is not None:
        warnings = [f"batching.batch_size is read as batching.{recipe.batch_size_field}", *warnings]
    visible = groups if recipe.group_word else []
    return Plan(complete, recipe, slots, sizes, recipe.after(sizes_by_group), visible, warnings)


def _check_target(target: int) -> None:
    """Raise InputError if the inputs ask for more items than a run may have, before any is laid out."""
    if target > MAX_TARGET:
        raise InputError("inputs", f"they ask for {target:,} items; a run has at most {MAX_TARGET:,}")


def extend_plan(plan: Plan, more: int) -> Plan:
    """Return the plan with `more` slots appended; the existing slots stay as they are.

    Raises InputError if the recipe's number of items follows from its inputs, or if existing groups or ids would
    change.
    """
    before = len(plan.slots)
    request = plan.request.model_copy(update={"target": before + more})
    recipe = find_recipe(request.recipe)(request, plan.recipe.texts, plan.recipe.documents)
    old_groups, groups = plan.recipe.groups(before), recipe.groups(before + more)
    if not _is_continued(old_groups, groups):
        raise InputError("target", f"the recipe {request.recipe} cannot be extended: its groups would change")
    sizes_by_group = _split_by_group(plan.sizes, old_groups)
    for index, group in enumerate(groups):
        old_target = old_groups[index].target if index < len(old_groups) else 0
        added = compute_batch_sizes(request, recipe, group.target - old_target)
        if index < len(sizes_by_group):
            sizes_by_group[index] = [*sizes_by_group[index], *added]
        else:
            sizes_by_group.append(added)
    sizes = [size for group in sizes_by_group for size in group]
    slots: list[Slot] = [*plan.slots, *recipe.lay_out(sizes)[0][before:]]
    if len({slot.key for slot in slots}) != len(slots):
        raise InputError("target", f"the recipe {request.recipe} cannot be extended: its ids would change")
    visible = groups if recipe.group_word else []
    return Plan(request, recipe, slots, sizes, recipe.after(sizes_by_group), visible, plan.warnings)


def _is_continued(old: list[Group], new: list[Group]) -> bool:
    """Return True if only the last old group grows, and new ones follow it."""
    if len(new) < len(old) or not old:
        return False
    unchanged = all(a.name == b.name and a.target == b.target for a, b in zip(old[:-1], new, strict=False))
    last = new[len(old) - 1]
    return unchanged and last.name == old[-1].name and last.target >= old[-1].target


def _split_by_group(sizes: list[int], groups: list[Group]) -> list[list[int]]:
    """Return the batch sizes of each group."""
    remaining = iter(sizes)
    sizes_by_group: list[list[int]] = []
    for group in groups:
        sizes_of_group: list[int] = []
        while sum(sizes_of_group) < group.target:
            sizes_of_group.append(next(remaining))
        sizes_by_group.append(sizes_of_group)
    return sizes_by_group


def validate_inputs(request: Request) -> Part:
    """Return the recipe's inputs, validated. Raises InputError with the dotted field."""
    model = find_recipe(request.recipe).Inputs
    try:
        return model.model_validate(request.inputs)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(["inputs", *map(str, first["loc"])])
        message = plain_message(first["msg"], first["type"], _find_part(model, first["loc"][:-1]))
        raise InputError(field, message) from error


def _find_part(model: type[Part], location: tuple[int | str, ...]) -> type[Part] | None:
    """Return the part of the inputs at a location; None inside a list or a choice."""
    part: Any = model
    for name in location:
        fields = part.model_fields if hasattr(part, "model_fields") else {}
        part = fields[name].annotation if name in fields else None
    return part if isinstance(part, type) and issubclass(part, Part) else None


def plain_message(message: str, code: str, model: type[Part] | None) -> str:
    """Return a pydantic error message in plain words. `model` has the fields that are allowed."""
    if code == "extra_forbidden":
        return "unknown field" + (f"; allowed here: {', '.join(model.model_fields)}" if model else "")
    if code == "missing":
        return "this field is needed"
    return message.removeprefix("Value error, ")


def apply_defaults(request: Request) -> Request:
    """Return the request with its recipe's defaults for all fields that the user did not set."""
    recipe = find_recipe(request.recipe)
    fields = request.model_dump(mode="json")
    defaults = recipe.defaults_for(validate_inputs(request))
    if "model" in fields and "worker_model" not in fields:  # who names one model gets one
        defaults = {key: value for key, value in defaults.items() if key != "worker_model"}
    size = fields.get("batching", {}).pop("batch_size", None)
    if size is not None:
        fields["batching"].setdefault(recipe.batch_size_field, size)
    return Request.model_validate(_merge_defaults(fields, defaults))


def _merge_defaults(fields: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(fields)
    for key, value in defaults.items():
        if key not in merged:
            merged[key] = value
        elif isinstance(value, dict) and isinstance(merged[key], dict):
            merged[key] = _merge_defaults(merged[key], cast(dict[str, Any], value))
    return merged


def compute_batch_sizes(request: Request, recipe: Recipe, slots: int) -> list[int]:
    """Return the sizes of a group's batches, for this number of slots."""
    batching = request.batching
    if not batching.enabled:
        return [slots] if slots else []
    limit = count_items_per_answer(request.generator.max_output_tokens, batching.tokens_per_item)
    size = recipe.auto_size or "auto" if batching.size == "auto" else batching.size
    if size != "auto":
        return _split_by_size(slots, min(size, limit))
    return balance(slots, count_batches(slots, trigger=batching.trigger, size="auto", limit=limit))


def _split_by_size(slots: int, size: int) -> list[int]:
    """Return batches of `size`, the last one smaller: 12 in fives is 5, 5, 2."""
    return [min(size, slots - start) for start in range(0, slots, size)]

"""A plan made longer: the slots that there are stay as they are, new ones stand behind them. Pure."""

from quire.progress import Group
from quire.slots import Slot
from recipes.base.recipe import InputError
from recipes.planning import Plan, kind, sizes_of


def longer(known: Plan, more: int) -> Plan:
    """The plan with so many slots more. Raises InputError for a recipe whose number of items follows from its inputs,
    or whose groups would not stay as they are."""
    before = len(known.slots)
    request = known.request.model_copy(update={"target": before + more})
    recipe = kind(request)(request, known.recipe.texts, known.recipe.documents)
    old, new = known.recipe.groups(before), recipe.groups(before + more)
    if not _goes_on(old, new):
        raise InputError("target", f"the recipe {request.recipe} cannot be made longer: its groups would change")
    grouped = _grouped(known.sizes, old)
    for index, group in enumerate(new):
        there = old[index].target if index < len(old) else 0
        added = sizes_of(request, recipe, group.target - there)
        if index < len(grouped):
            grouped[index] = [*grouped[index], *added]
        else:
            grouped.append(added)
    sizes = [size for group in grouped for size in group]
    slots, _ = recipe.lay_out(sizes)
    stay: list[Slot] = [*known.slots, *slots[before:]]
    if len({slot.key for slot in stay}) != len(stay):
        raise InputError("target", f"the recipe {request.recipe} cannot be made longer: its ids would change")
    shown = new if recipe.group_word else []
    return Plan(request, recipe, stay, sizes, recipe.after(grouped), shown, known.warnings)


def _goes_on(old: list[Group], new: list[Group]) -> bool:
    """Whether only the last group grows, and others follow."""
    if len(new) < len(old) or not old:
        return False
    same = all(a.name == b.name and a.target == b.target for a, b in zip(old[:-1], new, strict=False))
    last = new[len(old) - 1]
    return same and last.name == old[-1].name and last.target >= old[-1].target


def _grouped(sizes: list[int], groups: list[Group]) -> list[list[int]]:
    """A plan's batches by group."""
    found: list[list[int]] = []
    rest = list(sizes)
    for group in groups:
        taken: list[int] = []
        while sum(taken) < group.target:
            taken.append(rest.pop(0))
        found.append(taken)
    return found

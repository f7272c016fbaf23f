"""All recipes: the built-in ones, and those that installed packages add by the entry point `quire.recipes`."""

from functools import cache
from importlib.metadata import entry_points

from recipes.base.recipe import InputError, Recipe
from recipes.custom.recipe import Custom
from recipes.drill_series.recipe import DrillSeries
from recipes.eval_dataset.recipe import EvalDataset
from recipes.oq_suite.recipe import OqSuite
from recipes.roadmap.recipe import Roadmap
from recipes.topics.dataset_recipe import TopicDataset
from recipes.topics.tree_recipe import TopicTree

BUILT_IN: tuple[type[Recipe], ...] = (OqSuite, TopicDataset, TopicTree, DrillSeries, EvalDataset, Roadmap, Custom)
ENTRY_POINTS = "quire.recipes"


@cache
def known_recipes() -> dict[str, type[Recipe]]:
    """Return every recipe by its name.

    Raises InputError if a package's recipe cannot be loaded, is not a recipe, or has the name of another one.
    """
    recipes = {recipe.name: recipe for recipe in BUILT_IN}
    for entry in entry_points(group=ENTRY_POINTS):
        try:
            loaded: object = entry.load()
        except Exception as error:  # whatever a foreign module does while it is imported
            raise InputError(
                "recipe", f"the recipe '{entry.name}' ({entry.value}) cannot be loaded: {error}"
            ) from error
        if not (isinstance(loaded, type) and issubclass(loaded, Recipe)):
            raise InputError("recipe", f"'{entry.name}' ({entry.value}) is not a class of recipes.spine.Recipe")
        if recipes.setdefault(entry.name, loaded) is not loaded:
            raise InputError("recipe", f"two recipes are called '{entry.name}': {entry.value} and another one")
    return recipes


def find_recipe(name: str) -> type[Recipe]:
    """Return the recipe with this name. Raises InputError that lists all names if there is none."""
    recipes = known_recipes()
    if name not in recipes:
        raise InputError("recipe", f"unknown recipe '{name}'; known are: {', '.join(recipes)}")
    return recipes[name]

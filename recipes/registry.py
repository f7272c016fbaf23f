"""The recipes that there are: ours, and those that installed packages bring by the entry point `quire.recipes`."""

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

OURS: tuple[type[Recipe], ...] = (OqSuite, TopicDataset, TopicTree, DrillSeries, EvalDataset, Roadmap, Custom)
GROUP = "quire.recipes"


@cache
def recipes() -> dict[str, type[Recipe]]:
    """Every recipe by its name; ours cannot be replaced by accident."""
    known = {recipe.name: recipe for recipe in OURS}
    for entry in entry_points(group=GROUP):
        try:
            loaded: object = entry.load()
        except Exception as error:  # whatever a foreign module does while it is imported
            raise InputError(
                "recipe", f"the recipe '{entry.name}' ({entry.value}) cannot be loaded: {error}"
            ) from error
        if not (isinstance(loaded, type) and issubclass(loaded, Recipe)):
            raise InputError("recipe", f"'{entry.name}' ({entry.value}) is not a class of recipes.spine.Recipe")
        if known.setdefault(entry.name, loaded) is not loaded:
            raise InputError("recipe", f"two recipes are called '{entry.name}': {entry.value} and ours")
    return known

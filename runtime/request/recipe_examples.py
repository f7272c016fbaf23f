"""Recipes by name, and the request that each starts from."""

from pathlib import Path

from recipes import registry
from recipes.base.recipe import InputError, Recipe
from runtime.errors import SetupError
from runtime.paths import EXAMPLES

NEW_RECIPE = Path(__file__).with_name("new_recipe.yaml")
"""A commented request of the recipe `custom`, in which NAME stands for the recipe's name."""


def load_recipes() -> dict[str, type[Recipe]]:
    """Return all recipes by name. Raises SetupError if one that is installed cannot be loaded."""
    try:
        return registry.known_recipes()
    except InputError as error:
        raise SetupError(str(error)) from None


def find_recipe(name: str) -> type[Recipe]:
    """Return the recipe of this name. Raises SetupError with all names if there is none."""
    try:
        return registry.find_recipe(name)
    except InputError as error:
        raise SetupError(str(error)) from None


def find_example_file(recipe: type[Recipe]) -> Path | None:
    """Return the request file of a recipe's name among the examples; None if the recipe brings its own example text."""
    file = EXAMPLES / f"{recipe.name}.yaml"
    return file if file.exists() and not recipe.example else None


def read_example(recipe: type[Recipe]) -> str:
    """Return the YAML of a request that runs as it is: the recipe's own, else the file of its name among the examples;
    empty if there is none."""
    if recipe.example:
        return recipe.example
    file = find_example_file(recipe) or (NEW_RECIPE if recipe.name == "custom" else None)
    return file.read_text("utf-8") if file else ""

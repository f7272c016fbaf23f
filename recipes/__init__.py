"""What can be made: one module per kind of artifact over a shared spine."""

from recipes.base.recipe import InputError, Recipe
from recipes.registry import recipes

__all__ = ["InputError", "Recipe", "recipes"]

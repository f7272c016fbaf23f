"""What can be made: one module per kind of artifact over a shared spine."""

from recipes.registry import recipes
from recipes.spine import InputError, Recipe

__all__ = ["InputError", "Recipe", "recipes"]

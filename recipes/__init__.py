"""What can be made: one module per kind of artifact over a shared spine."""

from recipes.oq_suite import OqSuite
from recipes.spine import InputError, Recipe

RECIPES: dict[str, type[Recipe]] = {OqSuite.name: OqSuite}

__all__ = ["RECIPES", "InputError", "Recipe"]

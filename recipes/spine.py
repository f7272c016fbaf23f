"""The public interface for recipes of your own: import from here, not from the modules behind it."""

from quire.progress import Group
from quire.request import Part
from quire.slots import Slot
from recipes.base.document_blocks import (
    About,
    Block,
    Entries,
    Fields,
    Heading,
    PageBreak,
    Paragraph,
    Table,
    Title,
)
from recipes.base.recipe import ANSWER_FORM, Around, InputError, Item, Made, Question, Recipe, listing
from recipes.base.schema_parts import PROVENANCE, SLOT, TEXT, closed, strict

__all__ = [
    "ANSWER_FORM",
    "PROVENANCE",
    "SLOT",
    "TEXT",
    "About",
    "Around",
    "Block",
    "Entries",
    "Fields",
    "Group",
    "Heading",
    "InputError",
    "Item",
    "Made",
    "PageBreak",
    "Paragraph",
    "Part",
    "Question",
    "Recipe",
    "Slot",
    "Table",
    "Title",
    "closed",
    "listing",
    "strict",
]

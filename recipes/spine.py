"""The public interface for recipes of your own: import from here, not from the modules behind it."""

from quire.progress import Group
from quire.request import Part
from quire.slots import Slot
from recipes.base.document_blocks import (
    Block,
    Entries,
    Fields,
    Heading,
    PageBreak,
    Paragraph,
    RunInfo,
    Table,
    Title,
)
from recipes.base.recipe import ANSWER_FORM, BatchContext, FilledSlot, InputError, Item, Question, Recipe, listing
from recipes.base.schema_parts import PROVENANCE, SLOT, TEXT, closed, is_strict

About = RunInfo
Around = BatchContext
Made = FilledSlot
strict = is_strict
"""The former names of these four, which existing recipes import."""

__all__ = [
    "ANSWER_FORM",
    "PROVENANCE",
    "SLOT",
    "TEXT",
    "About",
    "Around",
    "BatchContext",
    "Block",
    "Entries",
    "Fields",
    "FilledSlot",
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
    "RunInfo",
    "Slot",
    "Table",
    "Title",
    "closed",
    "is_strict",
    "listing",
    "strict",
]

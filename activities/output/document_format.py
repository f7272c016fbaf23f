"""What the forms for people have in common: the recipe says a document as blocks, block by block they are written."""

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from activities.output.output_format import Bound, Form
from activities.store.object_store import Writer
from recipes.base.document_blocks import About, Block, Heading
from recipes.base.recipe import Item

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
ITEM = 2
"""The level of an item's heading; no other heading has it."""


class ReadingForm(Form):
    """A document with a first page, the items in their chapters, and what comes after them."""

    def __init__(self, bound: Bound, file: Writer) -> None:
        super().__init__(bound, file)
        self._chapter = ""

    @abstractmethod
    def render(self, block: Block) -> Iterator[str]:
        """A block in the form's own language, piece by piece."""

    @abstractmethod
    async def write(self, text: str) -> None:
        """Add to the document."""

    async def begin(self) -> None:
        await self._write(self.bound.recipe.front(about(self.bound)))

    async def add(self, item: Item) -> None:
        recipe = self.bound.recipe
        chapter = recipe.chapter(item)
        if chapter != self._chapter:
            self._chapter = chapter
            await self._write([Heading(chapter, 1)])
        said = recipe.headline(item)
        await self._write([Heading(one_line(f"{item['id']}: {said}" if said else item["id"]), ITEM)])
        await self._write(recipe.reading(item))

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        await self._write(self.bound.recipe.back(outlines))
        return []

    async def _write(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            for piece in self.render(block):
                await self.write(piece)

    @classmethod
    def schema(cls, bound: Bound) -> dict[str, Any] | None:
        return None


def one_line(text: str) -> str:
    """Text as a heading has it."""
    return " ".join(_CONTROL.sub("\ufffd", " ".join(text.split())).split())


def about(bound: Bound) -> About:
    """The run, as a document tells of it."""
    said = bound.metadata
    return About(
        run=bound.run,
        date=bound.started[:10] if bound.started else None,
        model=said["model"],
        verdict=said["verdict"],
        items=said["total"],
        target=said["target"],
        noun=bound.recipe.noun,
        simulated=said["simulated"],
    )

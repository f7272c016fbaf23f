"""The common part of the document formats: the recipe gives a document as blocks, a format renders each block."""

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from activities.output.output_format import ArtifactContext, OutputFormat
from activities.store.object_store import StoreWriter
from recipes.base.document_blocks import Block, Heading, RunInfo
from recipes.base.recipe import Item

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
ITEM_LEVEL = 2
"""The level of an item's heading; no other heading has this level."""


class DocumentFormat(OutputFormat):
    """A document: front page, items in their chapters, back matter."""

    def __init__(self, context: ArtifactContext, writer: StoreWriter) -> None:
        super().__init__(context, writer)
        self._chapter = ""

    @abstractmethod
    def render(self, block: Block) -> Iterator[str]:
        """Yield a block as text of the format, piece by piece."""

    @abstractmethod
    async def write(self, text: str) -> None:
        """Append rendered text to the document."""

    async def begin(self) -> None:
        await self._write_blocks(self.context.recipe.front(_describe_run(self.context)))

    async def add_item(self, item: Item) -> None:
        recipe = self.context.recipe
        chapter = recipe.chapter(item)
        if chapter != self._chapter:
            self._chapter = chapter
            await self._write_blocks([Heading(chapter, 1)])
        headline = recipe.headline(item)
        heading = to_one_line(f"{item['id']}: {headline}" if headline else item["id"])
        await self._write_blocks([Heading(heading, ITEM_LEVEL)])
        await self._write_blocks(recipe.reading(item))

    async def end(self, outlines: Sequence[Item]) -> list[str]:
        await self._write_blocks(self.context.recipe.back(outlines))
        return []

    async def _write_blocks(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            for piece in self.render(block):
                await self.write(piece)

    @classmethod
    def get_entry_schema(cls, context: ArtifactContext) -> dict[str, Any] | None:
        return None


def to_one_line(text: str) -> str:
    """Return text as one line for a heading; control characters are replaced."""
    return " ".join(_CONTROL.sub("\ufffd", " ".join(text.split())).split())


def _describe_run(context: ArtifactContext) -> RunInfo:
    """Return the facts about the run that a document states on its front page."""
    metadata = context.metadata
    return RunInfo(
        run=context.workflow_id,
        date=context.started[:10] if context.started else None,
        model=metadata["model"],
        verdict=metadata["verdict"],
        items=metadata["total"],
        target=metadata["target"],
        noun=context.recipe.noun,
        simulated=metadata["simulated"],
    )

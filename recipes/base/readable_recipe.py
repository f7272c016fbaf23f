"""How a recipe's artifact reads as a document: what Markdown and Word both render."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from recipes.base.document_blocks import Block, RunInfo, build_item_blocks, build_title_page, format_label


class ReadableRecipe:
    """The part of a recipe that lays out documents. The defaults suit any item."""

    name: ClassVar[str]
    noun: str = "items"
    compared: tuple[str, ...] = ()
    """Fields by which two items are compared for duplicates, if the request names none."""

    def metadata(self) -> dict[str, Any]:
        """Return what the artifact says about its inputs."""
        return {}

    @property
    def title(self) -> str:
        """The title on a document's first page."""
        return f"{format_label(self.name)}: {self.noun}"

    def front(self, about: RunInfo) -> Iterable[Block]:
        """Return a document's first page."""
        return build_title_page(self.title, self.metadata(), about)

    def chapter(self, item: dict[str, Any]) -> str:
        """Return the chapter that an item belongs to, empty if none. The items of a chapter are neighbours."""
        del item
        return ""

    def headline(self, item: dict[str, Any]) -> str:
        """Return the text after the id in an item's heading."""
        names = ("title", "name", *self.compared)
        return next((str(item[name]) for name in names if _is_short_text(item.get(name))), "")

    def reading(self, item: dict[str, Any]) -> Iterable[Block]:
        """Return an artifact's item below its heading."""
        headline = self.headline(item)
        return build_item_blocks({name: part for name, part in item.items() if name != "id" and part != headline})

    def back(self, outlines: Sequence[dict[str, Any]]) -> Iterable[Block]:
        """Return what follows the items in a document."""
        del outlines
        return ()


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 120 and "\n" not in value

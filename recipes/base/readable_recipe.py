"""A recipe's artifact as a document: what Markdown and Word both render."""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from recipes.base.document_blocks import About, Block, label, laid_out, title_page


class Readable:
    """The part of a recipe that is for people to read; what is here suits any item."""

    name: ClassVar[str]
    noun: str = "items"
    compared: tuple[str, ...] = ()
    """Fields by which items are twins, where the request names none."""

    def metadata(self) -> dict[str, Any]:
        """What the artifact says of its inputs."""
        return {}

    @property
    def title(self) -> str:
        """What stands on a document's first page."""
        return f"{label(self.name)}: {self.noun}"

    def front(self, about: About) -> Iterable[Block]:
        """A document's first page."""
        return title_page(self.title, self.metadata(), about)

    def chapter(self, item: dict[str, Any]) -> str:
        """The part of the document that an item stands in; empty where it has none. Its items are neighbours."""
        del item
        return ""

    def headline(self, item: dict[str, Any]) -> str:
        """What stands beside the id in an item's heading."""
        return next((str(item[name]) for name in ("title", "name", *self.compared) if _short(item.get(name))), "")

    def reading(self, item: dict[str, Any]) -> Iterable[Block]:
        """A finished item below its heading."""
        said = self.headline(item)
        return laid_out({name: part for name, part in item.items() if name != "id" and part != said})

    def back(self, outlines: Sequence[dict[str, Any]]) -> Iterable[Block]:
        """What a document has after the items."""
        del outlines
        return ()


def _short(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 120 and "\n" not in value

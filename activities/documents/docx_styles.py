"""A DOCX's styles: which paragraphs are headings, which are a table of contents, and what numbers a style brings."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

_HEADING = re.compile(r"^heading (\d)$", re.IGNORECASE)
_CONTENTS = re.compile(r"^toc (\d|heading)|^table of figures$", re.IGNORECASE)


def local(part: Element) -> str:
    """A tag without its namespace, which is another one in strict documents."""
    return part.tag.rpartition("}")[2] if isinstance(part.tag, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance]


def child(part: Element, *path: str) -> Element | None:
    """The first descendant by this path of local names."""
    for name in path:
        found = next((inner for inner in part if local(inner) == name), None)
        if found is None:
            return None
        part = found
    return part


def attribute(part: Element | None, name: str) -> str | None:
    """An attribute by its local name."""
    if part is None:
        return None
    return next((value for key, value in part.attrib.items() if key.rpartition("}")[2] == name), None)


@dataclass(frozen=True)
class Style:
    """What a style says, with what it says by the one that it is based on."""

    name: str
    numbering: tuple[str, int] | None
    """Number and level of the list that it numbers by."""

    @property
    def heading(self) -> int:
        """The level of a heading; 0 where it is none."""
        match = _HEADING.match(self.name)
        return int(match[1]) if match else int(self.name.casefold() == "title")

    @property
    def contents(self) -> bool:
        """Whether it is a line of the table of contents, which says again what stands elsewhere."""
        return bool(_CONTENTS.match(self.name))


class Styles:
    """Styles by their id, which differs from the name in other languages' Words."""

    def __init__(self, root: Element | None) -> None:
        parts = list(root) if root is not None else []
        self._parts = {attribute(part, "styleId") or "": part for part in parts if local(part) == "style"}

    def of(self, paragraph: Element) -> Style:
        """The style of a paragraph."""
        name = attribute(child(paragraph, "pPr", "pStyle"), "val")
        numbering = numbering_of(paragraph)
        at = self._parts.get(name or "")
        shown = attribute(child(at, "name"), "val") if at is not None else name
        seen: set[str] = set()
        while at is not None and numbering is None and (own := attribute(at, "styleId") or "") not in seen:
            seen.add(own)
            numbering = numbering_of(at)
            at = self._parts.get(attribute(child(at, "basedOn"), "val") or "")
        return Style(shown or "", numbering)


def numbering_of(part: Element) -> tuple[str, int] | None:
    """List and level that a paragraph or a style names."""
    said = child(part, "pPr", "numPr")
    if said is None:
        return None
    number = attribute(child(said, "numId"), "val")
    level = attribute(child(said, "ilvl"), "val") or "0"
    return (number, int(level)) if number is not None and level.isdecimal() else None

"""The styles of a DOCX: which paragraphs are headings or lines of a table of contents, and how a style numbers them."""

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

_HEADING = re.compile(r"^heading (\d)$", re.IGNORECASE)
_CONTENTS = re.compile(r"^toc (\d|heading)|^table of figures$", re.IGNORECASE)


def get_local_name(element: Element) -> str:
    """Return an element's tag without the namespace, which differs in documents saved as strict Open XML."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""  # pyright: ignore[reportUnnecessaryIsInstance]


def find_child(element: Element, *path: str) -> Element | None:
    """Return the descendant at a path of local names, taking the first match at each step; None if there is none."""
    for name in path:
        child = next((child for child in element if get_local_name(child) == name), None)
        if child is None:
            return None
        element = child
    return element


def get_attribute(element: Element | None, name: str) -> str | None:
    """Return an attribute by its local name; None if there is no such attribute, or no element."""
    if element is None:
        return None
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


@dataclass(frozen=True)
class ParagraphStyle:
    """A paragraph's style, with what it inherits from the styles that it is based on."""

    name: str
    numbering: tuple[str, int] | None
    """Id of the list that numbers the paragraph, and level in that list."""

    @property
    def heading_level(self) -> int:
        """The level of a heading; 0 if the style is not a heading."""
        match = _HEADING.match(self.name)
        return int(match[1]) if match else int(self.name.casefold() == "title")

    @property
    def is_contents_line(self) -> bool:
        """True for a line of a table of contents or of figures, which only repeats other text."""
        return bool(_CONTENTS.match(self.name))


class StyleSheet:
    """Styles of a document by id. In localized versions of Word the id differs from the name."""

    def __init__(self, root: Element | None) -> None:
        elements = list(root) if root is not None else []
        self._styles = {
            get_attribute(element, "styleId") or "": element
            for element in elements
            if get_local_name(element) == "style"
        }

    def find_style(self, paragraph: Element) -> ParagraphStyle:
        """Return the style of a paragraph."""
        style_id = get_attribute(find_child(paragraph, "pPr", "pStyle"), "val")
        numbering = read_numbering(paragraph)
        style = self._styles.get(style_id or "")
        name = get_attribute(find_child(style, "name"), "val") if style is not None else style_id
        visited: set[str] = set()
        while style is not None and numbering is None and (key := get_attribute(style, "styleId") or "") not in visited:
            visited.add(key)
            numbering = read_numbering(style)
            style = self._styles.get(get_attribute(find_child(style, "basedOn"), "val") or "")
        return ParagraphStyle(name or "", numbering)


def read_numbering(element: Element) -> tuple[str, int] | None:
    """Return list id and level that a paragraph or a style names itself; None if it names none."""
    properties = find_child(element, "pPr", "numPr")
    if properties is None:
        return None
    list_id = get_attribute(find_child(properties, "numId"), "val")
    level = get_attribute(find_child(properties, "ilvl"), "val") or "0"
    return (list_id, int(level)) if list_id is not None and level.isdecimal() else None
